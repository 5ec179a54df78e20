# estiba-oci with systemd's cgroup driver: the scope, its limits, updates, exec, and nothing left when it is over.
bundle=/tmp/scoped
mkdir -p $bundle/rootfs/bin $bundle/rootfs/proc $bundle/rootfs/dev $bundle/rootfs/sys
cp /bin/busybox $bundle/rootfs/bin/
for name in sh sleep cat true; do ln -sf busybox $bundle/rootfs/bin/$name; done
cd $bundle
estiba-oci spec
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"sleep", "1000"/' config.json
sed -i -e 's|"linux": {|"annotations": {"org.systemd.property.TimeoutStopSec": "uint64 7"}, "linux": { "cgroupsPath": "a-b.slice:estiba:one",|' config.json
oci="estiba-oci --systemd-cgroup"

$oci run -d one >/dev/null 2>/tmp/err </dev/null || { cat /tmp/err; exit 1; }
group=/sys/fs/cgroup/a.slice/a-b.slice/estiba-one.scope
pid=$(estiba-oci state one | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
grep -qx $pid $group/cgroup.procs
systemctl show estiba-one.scope >/tmp/show
grep -qx 'Delegate=yes' /tmp/show
grep -qx 'TimeoutStopUSec=7s' /tmp/show
grep -qx 'Slice=a-b.slice' /tmp/show

$oci update --memory 64M --memory-swap 96M --pids-limit 33 --cpu-quota 20000 --cpu-share 512 --cpuset-cpus 0 one
grep -qx 67108864 $group/memory.max
grep -qx 33 $group/pids.max
grep -qx '20000 100000' $group/cpu.max
systemctl daemon-reload
grep -qx 67108864 $group/memory.max
systemctl show estiba-one.scope >/tmp/show
grep -qx 'MemoryMax=67108864' /tmp/show
grep -qx 'TasksMax=33' /tmp/show
grep -qx 'CPUQuotaPerSecUSec=200ms' /tmp/show
grep -qx 'AllowedCPUs=0' /tmp/show

$oci exec one cat /proc/self/cgroup | grep -qx '0::/'
$oci pause one
grep -q 'frozen 1' $group/cgroup.events
$oci resume one
# Another container cannot have the same scope, nor end what is in it.
if estiba-oci --root /tmp/elsewhere --systemd-cgroup run two >/tmp/out 2>&1 </dev/null; then exit 1; fi
grep -q 'already' /tmp/out || { cat /tmp/out; exit 1; }
grep -qx $pid $group/cgroup.procs
systemctl is-active estiba-one.scope >/dev/null
$oci delete --force one
[ ! -e $group ]
if systemctl is-active estiba-one.scope >/dev/null; then exit 1; fi

# A limit from the start, and a name that was used before.
sed -i -e 's|"resources": {|"resources": { "memory": {"limit": 50331648},|' config.json
$oci run -d one >/dev/null 2>/tmp/err </dev/null || { cat /tmp/err; exit 1; }
grep -qx 50331648 $group/memory.max
$oci delete --force one
[ ! -e $group ]

# What systemd refuses is told, and leaves nothing; nor are there programs of the host, or its processes, to be had by a
# property (CVE-2024-3154).
cp config.json good.json
for property in 'NoSuchProperty": "true' 'ExecStopPost": "true' 'PIDs": "[uint32 1]' \
  "Wants\": \"['a.service'], 'PIDs'"; do
  sed -e "s|TimeoutStopSec\": \"uint64 7|$property|" good.json >config.json
  if $oci run one >/tmp/out 2>&1 </dev/null; then cat /tmp/out; exit 1; fi
  grep -q "${property%%\"*}" /tmp/out || { cat /tmp/out; exit 1; }
  [ ! -e $group ]
  if estiba-oci state one >/dev/null 2>&1; then exit 1; fi
done
grep -q '^0::/init.scope$' /proc/1/cgroup
