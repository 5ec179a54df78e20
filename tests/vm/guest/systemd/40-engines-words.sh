# The command lines of docker 20.10 (native.cgroupdriver=systemd) and podman 4.3 (--cgroup-manager=systemd), as they were
# seen: --systemd-cgroup with create alone, everything later must find the scope by itself.
. /guest/functions
make_bundle /tmp/engines <<'END'
sleep 1000
END
name=3f81ac5225776b4c397af5e110dafbe084a738c65fcbef8beffa2492765a4374
sed -i -e "s|\"linux\": {|\"linux\": { \"cgroupsPath\": \"machine.slice:ENGINE:$name\",|" \
  -e 's|"resources": {|"resources": { "pids": {"limit": 44},|' config.json
cp config.json template.json

# life ENGINE "WORDS OF CREATE" "WORDS OF THE OTHERS"
life() {
  engine=$1 create=$2 others=$3
  sed -e "s|ENGINE|$engine|" template.json >config.json
  unit=$engine-$name.scope
  group=/sys/fs/cgroup/machine.slice/$unit
  must estiba-oci $create create --bundle /tmp/engines --pid-file /tmp/engines/init.pid $name
  grep -qx $(cat init.pid) $group/cgroup.procs
  must estiba-oci $others start $name
  grep -qx 44 $group/pids.max
  echo '{"memory": {"limit": 50331648}, "pids": {"limit": 55}}' >resources
  must estiba-oci $others update --resources resources $name
  grep -qx 50331648 $group/memory.max
  systemctl show $unit >/tmp/show
  for line in MemoryMax=50331648 TasksMax=55 Slice=machine.slice Delegate=yes; do
    grep -qx $line /tmp/show || { grep ${line%%=*} /tmp/show; echo "wanted $line"; return 1; }
  done
  must estiba-oci $others exec $name sleep 0
  must estiba-oci $others pause $name
  grep -q 'frozen 1' $group/cgroup.events
  must estiba-oci $others resume $name
  must estiba-oci $others kill $name KILL
  wait_for sh -c "estiba-oci $others state $name | grep -q stopped"
  must estiba-oci $others delete --force $name
  [ ! -e $group ]
  if systemctl is-active $unit >/dev/null; then return 1; fi
}

docker="--root /run/docker/runtime-runc/moby --log /tmp/log.json --log-format json"
mkdir -p /run/docker/runtime-runc/moby
life docker "$docker --systemd-cgroup" "$docker"
life docker "$docker --systemd-cgroup" "$docker --systemd-cgroup"
life libpod --systemd-cgroup ""
