# A container saved in a scope of systemd comes back in one: the same unit with the same limits, or another.
. /guest/functions
make_bundle /tmp/scope-saved <<'END'
n=0
while :; do n=$((n + 1)); echo $n >>/tmp/count; sleep 0.1; done
END
sed -i -e 's|"linux": {|"annotations": {"org.systemd.property.TimeoutStopSec": "uint64 7"}, "linux": { "cgroupsPath": "c-d.slice:estiba:saved",|' \
  -e 's|"resources": {|"resources": { "pids": {"limit": 44},|' config.json
oci="estiba-oci --systemd-cgroup"
count() { tail -n 1 rootfs/tmp/count; }
counts_on() { before=$(count); wait_for sh -c "[ \$(tail -n 1 rootfs/tmp/count) -gt $before ]"; }
group=/sys/fs/cgroup/c.slice/c-d.slice/estiba-saved.scope
must $oci run -d saved
wait_for [ -s rootfs/tmp/count ]
must $oci checkpoint --image-path /tmp/scope-images saved
wait_for [ ! -e $group ]
must $oci restore -d --image-path /tmp/scope-images --pid-file /tmp/scope-pid saved
grep -qx $(cat /tmp/scope-pid) $group/cgroup.procs
grep -qx 44 $group/pids.max
counts_on
[ $(grep -cx 1 rootfs/tmp/count) = 1 ]
systemctl show estiba-saved.scope >/tmp/show
for line in ActiveState=active TasksMax=44 TimeoutStopUSec=7s Delegate=yes; do grep -qx $line /tmp/show; done
grep -q criu $group/cgroup.procs && exit 1
[ $(grep -c . $group/cgroup.procs) -le 2 ]  # the shell and its sleep: CRIU is gone
must $oci update --pids-limit 33 saved
grep -qx 33 $group/pids.max
must $oci checkpoint --image-path /tmp/scope-images saved

sed -i -e 's|c-d.slice:estiba:saved|e.slice:estiba:other|' config.json
must $oci restore -d --image-path /tmp/scope-images other
other=/sys/fs/cgroup/e.slice/estiba-other.scope
grep -q . $other/cgroup.procs
[ ! -e $group ]
counts_on
must $oci delete --force other
[ ! -e $other ]

# One that fails leaves no scope.
rm /tmp/scope-images/core-1.img
refused "CRIU's restore failed" $oci restore -d --image-path /tmp/scope-images other
[ ! -e $other ]
if systemctl is-active estiba-other.scope >/dev/null; then exit 1; fi
rm -r /tmp/scope-images
