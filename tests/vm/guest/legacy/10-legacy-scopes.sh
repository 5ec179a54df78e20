# Scopes of systemd on hosts with cgroup v1: all controllers are the container's, those systemd knows and those it does
# not, limits outlive a reload, devices stay refused, and nothing is left. Booted as a legacy and as a hybrid host.
. /guest/functions
cgroups=/sys/fs/cgroup
if grep -q legacy_systemd_cgroup_controller=1 /proc/cmdline; then
  [ ! -e $cgroups/unified ]
else
  [ -e $cgroups/unified/cgroup.procs ]
fi
make_bundle /tmp/scoped <<'END'
sleep 1000
END
sed -i -e 's|"linux": {|"annotations": {"org.systemd.property.TimeoutStopSec": "uint64 7"}, "linux": { "cgroupsPath": "a-b.slice:estiba:one",|' \
  -e 's|"resources": {|"resources": { "memory": {"limit": 67108864},|' config.json
cp config.json good.json
oci="estiba-oci --systemd-cgroup"
place=a.slice/a-b.slice/estiba-one.scope
unit=estiba-one.scope
is() { grep -qx -e "$2" $cgroups/$1/$place/$3 || { echo "$1 $3: wanted $2"; cat $cgroups/$1/$place/$3; return 1; }; }
shows() { systemctl show $unit >/tmp/show; for line in "$@"; do grep -qx "$line" /tmp/show || { grep "${line%%=*}" /tmp/show; echo "wanted $line"; return 1; }; done; }
nothing_left() {
  left=$(find $cgroups/ -name 'estiba-*.scope' 2>/dev/null || :)  # systemd removes others meanwhile
  [ -z "$left" ] || { echo "left: $left"; return 1; }
  if systemctl is-active $unit >/dev/null; then return 1; fi
}

must $oci run -d --pid-file /tmp/pid one
pid=$(cat /tmp/pid)
for group in $cgroups/*/; do
  # Those that estiba has no use for are not made.
  case $group in */net_*|*/perf_event/|*/hugetlb/|*/rdma/|*/misc/) continue;; esac
  if [ $group = $cgroups/devices/ ] && [ -e $cgroups/unified ]; then continue; fi
  if [ $group = $cgroups/freezer/ ] && [ -e $cgroups/unified ]; then continue; fi
  grep -qx $pid $group$place/cgroup.procs || { echo "not in $group"; cat /proc/$pid/cgroup; exit 1; }
done
is memory 67108864 memory.limit_in_bytes
shows Delegate=yes TimeoutStopUSec=7s Slice=a-b.slice MemoryLimit=67108864 ActiveState=active

# The container's devices, before and after systemd has written its own; /dev/console is none of them.
mknod rootfs/tty c 4 1
dev() { estiba-oci exec one sh -c "$1"; }
devices_hold() {
  dev 'echo >/dev/null && head -c 1 /dev/zero >/dev/null'
  refused 'not permitted' estiba-oci exec one sh -c 'echo >/tty'
}
devices_hold
systemctl daemon-reload
systemctl set-property --runtime $unit CPUShares=700
is cpu,cpuacct 700 cpu.shares
devices_hold
is memory 67108864 memory.limit_in_bytes

must $oci update --memory 80M --memory-swap 96M --memory-reservation 40M --pids-limit 33 --cpu-quota 20000 \
  --cpu-share 512 --cpuset-cpus 0 one
for round in updated reloaded; do
  is memory 83886080 memory.limit_in_bytes
  is memory 41943040 memory.soft_limit_in_bytes
  is pids 33 pids.max
  is cpu,cpuacct 20000 cpu.cfs_quota_us
  is cpu,cpuacct 512 cpu.shares
  is cpuset 0 cpuset.cpus
  devices_hold
  systemctl daemon-reload
done
shows MemoryLimit=83886080 TasksMax=33 CPUQuotaPerSecUSec=200ms CPUShares=512
# Devices by update: the new ones are systemd's knowledge too.
echo '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 4, "minor": 1, "access": "rw"}]}' >/tmp/devices
must $oci update -r /tmp/devices one
dev 'echo >/tty'
systemctl daemon-reload
systemctl set-property --runtime $unit CPUShares=600
dev 'echo >/tty'
dev 'echo >/dev/null'

# exec joins all of them.
dev 'cat /proc/self/cgroup' | sort >/tmp/inside
sort /proc/$pid/cgroup | cmp - /tmp/inside || { cat /proc/$pid/cgroup /tmp/inside; exit 1; }
estiba-oci events --stats one >/tmp/stats
grep -q '"limit":83886080' /tmp/stats
grep -q '"pids":{"current":[12],"limit":33}' /tmp/stats || { cat /tmp/stats; exit 1; }
$oci pause one
estiba-oci state one | grep -q '"status": "paused"'
must $oci update --pids-limit 34 one
estiba-oci state one | grep -q '"status": "paused"'
$oci resume one
estiba-oci ps -f json one | tr -d ' \n' | grep -q "^\[$pid,"

# Another container at the same place is refused, and the first lives.
refused 'already' estiba-oci --root /tmp/elsewhere --systemd-cgroup run two
estiba-oci state one | grep -q '"status": "running"'
shows ActiveState=active
must $oci delete --force one
nothing_left

# Its program's end is the scope's end.
sed -i -e 's|"/bin/program"|"-c", "true"|' config.json
must $oci run one
nothing_left
# Files of cgroup v2 cannot be had here; nor can a property systemd does not know: nothing is left.
sed -e 's|"resources": {|"resources": { "unified": {"memory.high": "1"},|' good.json >config.json
refused 'linux.resources.unified' $oci run one
nothing_left
sed -e 's|TimeoutStopSec": "uint64 7|NoSuchProperty": "true|' good.json >config.json
refused NoSuchProperty $oci run one
nothing_left

# Saved and restored: the same unit, in every hierarchy.
cp good.json config.json
must $oci run -d one
must $oci checkpoint --image-path /tmp/images one
nothing_left
must $oci restore -d --image-path /tmp/images --pid-file /tmp/pid one
for group in memory pids cpuset cpu,cpuacct systemd; do is $group $(cat /tmp/pid) cgroup.procs; done
is memory 67108864 memory.limit_in_bytes
shows ActiveState=active MemoryLimit=67108864
if grep -l criu $(sed 's|.*|/proc/&/comm|' $cgroups/pids/$place/cgroup.procs); then exit 1; fi
must $oci delete --force one
nothing_left
