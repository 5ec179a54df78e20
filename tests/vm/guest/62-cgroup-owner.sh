# With a cgroup namespace and a writable mount of it the container's cgroup belongs to the user of its process, who makes
# cgroups in it and cannot lift what limits him; else it stays root's.
. /guest/functions
make_bundle /tmp/owned <<'END'
sleep 1000
END
for name in stat mkdir rmdir; do ln -s busybox rootfs/bin/$name; done
group=/sys/fs/cgroup/owned/one
sed -i -e 's|"linux": {|"linux": { "cgroupsPath": "/owned/one", "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}], "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],|' \
  -e 's|"resources": {|"resources": { "pids": {"limit": 44},|' \
  -e 's|"type": "pid"|"type": "user" }, { "type": "pid"|' config.json
cp config.json readonly.json
tr -d '\n' <readonly.json | sed -e 's|\("destination": "/sys/fs/cgroup"[^]]*\)"ro"|\1"rw"|' >writable.json
chown 100000 rootfs

cp writable.json config.json
must estiba-oci run -d one
for file in . $(cat /sys/kernel/cgroup/delegate); do
  [ ! -e $group/$file ] || [ $(stat -c %u $group/$file) = 100000 ]
done
[ $(stat -c %u $group/pids.max) = 0 ]
[ $(stat -c %u $group/cgroup.kill) = 0 ]
[ $(stat -c %u $group/cgroup.procs) = 100000 ]
[ $(estiba-oci exec one stat -c %u /sys/fs/cgroup) = 0 ]
estiba-oci exec one mkdir /sys/fs/cgroup/below
estiba-oci exec one sh -c 'echo $$ >/sys/fs/cgroup/below/cgroup.procs'
estiba-oci exec one rmdir /sys/fs/cgroup/below
refused 'ermission denied' estiba-oci exec one sh -c 'echo max >/sys/fs/cgroup/pids.max'
estiba-oci exec one mkdir /sys/fs/cgroup/left
must estiba-oci delete --force one
[ ! -e $group ]

cp readonly.json config.json
must estiba-oci run -d one
[ $(stat -c %u $group) = 0 ]
[ $(stat -c %u $group/cgroup.procs) = 0 ]
must estiba-oci delete --force one

sed -e 's|{ *"type": "cgroup" *},\?||' -e 's|,\([[:space:]]*\]\)|\1|' writable.json >config.json
if grep -q '"type": "cgroup"[[:space:]]*}' config.json; then exit 1; fi
must estiba-oci run -d one
[ $(stat -c %u $group) = 0 ]
must estiba-oci delete --force one
