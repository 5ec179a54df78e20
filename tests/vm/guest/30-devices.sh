# The device rules on cgroup v2 are an eBPF program: a node of a device that is not allowed cannot be opened.
test "$(estiba run --rm estiba/busybox sh -c 'mknod /tmp/m c 1 1 && head -c 1 /tmp/m' 2>&1 | grep -c 'not permitted')" = 1
estiba run --rm estiba/busybox sh -c 'head -c 4 /dev/urandom | wc -c' | grep -qx 4
