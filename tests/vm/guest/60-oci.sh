# estiba-oci on cgroup v2: limits, their update, the freezer, statistics, and an exec where systemd would be inside.
bundle=/tmp/bundle
mkdir -p $bundle/rootfs/bin $bundle/rootfs/proc $bundle/rootfs/dev $bundle/rootfs/sys
cp /bin/busybox $bundle/rootfs/bin/
for name in sh sleep cat; do ln -s busybox $bundle/rootfs/bin/$name; done
cd $bundle
estiba-oci spec
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"sleep", "1000"/' config.json
sed -i -e 's|"linux": {|"linux": { "cgroupsPath": "/ocitest/one",|' config.json
estiba-oci run -d one >/dev/null 2>&1
group=/sys/fs/cgroup/ocitest/one

estiba-oci update --memory 64M --memory-swap 96M --pids-limit 33 --cpu-quota 20000 one
grep -qx 67108864 $group/memory.max
grep -qx 33 $group/pids.max
grep -qx '20000 100000' $group/cpu.max
estiba-oci update --cpu-period 50000 one  # the quota of before stays
grep -qx '20000 50000' $group/cpu.max
if [ -e $group/memory.swap.max ]; then grep -qx 33554432 $group/memory.swap.max; fi

estiba-oci pause one
estiba-oci state one | grep -q '"status": "paused"'
grep -q 'frozen 1' $group/cgroup.events
estiba-oci resume one
estiba-oci state one | grep -q '"status": "running"'

estiba-oci events --stats one >/tmp/events
grep -q '"limit":67108864' /tmp/events
grep -q '"avg300":' /tmp/events

pid=$(cat $group/cgroup.procs)
mkdir $group/init.scope
echo $pid >$group/init.scope/cgroup.procs
echo +memory +pids >$group/cgroup.subtree_control
estiba-oci exec one cat /proc/self/cgroup | grep -q 'init.scope'

estiba-oci kill one KILL
for i in $(seq 300); do
  estiba-oci state one | grep -q '"status": "stopped"' && break
  sleep 0.1
done
estiba-oci delete one
[ ! -e $group ]
