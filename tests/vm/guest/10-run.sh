# A container on cgroup v2: its limits are where v2 keeps them, and nothing is left when it is gone.
estiba run --rm estiba/busybox echo hello | grep -qx hello
id=$(estiba run -d -m 64m --memory-swap 64m --pids-limit 20 --cpus 0.5 --cpu-shares 512 estiba/busybox sleep 1000)
group=$(find /sys/fs/cgroup -type d -name "$id" | head -n 1)
test "$(cat $group/memory.max)" = 67108864
test "$(cat $group/memory.swap.max)" = 0
test "$(cat $group/pids.max)" = 20
test "$(cat $group/cpu.max)" = "50000 100000"
estiba exec $id cat /proc/self/cgroup | grep -qx '0::/'
estiba pause $id
test "$(cat $group/cgroup.freeze)" = 1
estiba unpause $id
estiba rm -f $id
test ! -e $group
