# checkpoint and restore on cgroup v2: memory goes on, limits and the cgroup's path are those of the bundle.
. /guest/functions
make_bundle /tmp/saved <<'END'
n=0
while :; do n=$((n + 1)); echo $n >>/tmp/count; sleep 0.1; done
END
sed -i -e 's|"linux": {|"linux": { "cgroupsPath": "/saved/one", |' \
  -e 's|"resources": {|"resources": { "pids": {"limit": 44}, "memory": {"limit": 50331648},|' config.json
count() { tail -n 1 rootfs/tmp/count; }
counts_on() { before=$(count); wait_for sh -c "[ \$(tail -n 1 rootfs/tmp/count) -gt $before ]"; }
group=/sys/fs/cgroup/saved/one
must estiba-oci run -d one
wait_for [ -s rootfs/tmp/count ]

must estiba-oci checkpoint --leave-running --image-path /tmp/saved-images one
counts_on
must estiba-oci checkpoint --image-path /tmp/saved-images one
[ ! -e $group ]
stopped=$(count)
must estiba-oci restore -d --image-path /tmp/saved-images --pid-file /tmp/pid one
grep -qx $(cat /tmp/pid) $group/cgroup.procs
grep -qx 44 $group/pids.max
grep -qx 50331648 $group/memory.max
counts_on
[ $(count) -gt $stopped ]
[ $(grep -cx 1 rootfs/tmp/count) = 1 ]  # it did not begin anew
estiba-oci exec one cat /proc/self/cgroup | grep -qx '0::/'
estiba-oci pause one
must estiba-oci checkpoint --image-path /tmp/saved-images one

# Elsewhere in the tree, by another name.
sed -i -e 's|"/saved/one"|"/saved/other"|' config.json
must estiba-oci restore -d --image-path /tmp/saved-images --manage-cgroups-mode ignore other
counts_on
grep -qx 44 /sys/fs/cgroup/saved/other/pids.max
grep -q . /sys/fs/cgroup/saved/other/cgroup.procs
[ ! -e $group ]
must estiba-oci delete --force other
[ ! -e /sys/fs/cgroup/saved/other ]
rm -r /tmp/saved-images
