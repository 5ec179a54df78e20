# estiba-oci of a plain user on cgroup v2: with a delegated cgroup and without; what a container with a cgroup namespace
# of its own gets of its cgroup.
bundle=/home/ada/bundle
mkdir -p $bundle/rootfs/bin $bundle/rootfs/proc $bundle/rootfs/dev $bundle/rootfs/sys /home/ada/run
cp /bin/busybox $bundle/rootfs/bin/
for name in sh sleep cat mkdir stat ls; do ln -s busybox $bundle/rootfs/bin/$name; done
grep -q ^ada: /etc/passwd || echo 'ada:x:1000:1000::/home/ada:/bin/sh' >>/etc/passwd
cat >/tmp/as-ada <<'END'
#!/bin/sh
# as-ada CGROUP COMMAND...: as the user, from that cgroup.
echo $$ >/sys/fs/cgroup$1/cgroup.procs
shift
export XDG_RUNTIME_DIR=/home/ada/run
cd /home/ada/bundle
exec /bin/setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all "$@"
END
chmod +x /tmp/as-ada
chown -R 1000:1000 /home/ada
mkdir -p /sys/fs/cgroup/ada/session /sys/fs/cgroup/other
echo '+cpu +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
echo '+cpu +memory +pids' >/sys/fs/cgroup/ada/cgroup.subtree_control
for file in "" cgroup.procs cgroup.subtree_control cgroup.threads; do chown 1000 /sys/fs/cgroup/ada/$file; done
chown -R 1000 /sys/fs/cgroup/ada/session

/tmp/as-ada /ada/session estiba-oci spec --rootless
cd $bundle
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"sleep", "1000"/' -e 's/"readonly": true/"readonly": false/' config.json
sed -i -e 's|"linux": {|"linux": { "cgroupsPath": "/ada/one", "resources": {"pids": {"limit": 30}, "memory": {"limit": 67108864}},|' config.json
group=/sys/fs/cgroup/ada/one
run() { /tmp/as-ada /ada/session estiba-oci "$@" </dev/null; }

run run -d one >/tmp/out 2>&1 || { cat /tmp/out; exit 1; }
grep -qx 30 $group/pids.max
grep -qx 67108864 $group/memory.max
[ $(stat -c %u $group) = 1000 ]
run exec one cat /proc/self/cgroup
run ps --format json one
run update --pids-limit 20 one
grep -qx 20 $group/pids.max
run pause one
grep -q 'frozen 1' $group/cgroup.events
run resume one
run events --stats one | grep -q '"limit":67108864'
run delete --force one
[ ! -e $group ]

# From where the user may write nothing a limit is refused by name, and without one the container runs.
refused() { if "$@" >/tmp/out 2>&1 </dev/null; then cat /tmp/out; exit 1; fi; }
refused /tmp/as-ada /other estiba-oci run one
grep -q 'linux.resources' /tmp/out || { cat /tmp/out; exit 1; }
sed -i -e 's|"cgroupsPath": "/ada/one", "resources": {"pids": {"limit": 30}, "memory": {"limit": 67108864}},||' config.json
/tmp/as-ada /other estiba-oci run -d two >/tmp/out 2>&1 </dev/null || { cat /tmp/out; exit 1; }
/tmp/as-ada /other estiba-oci exec two cat /proc/self/uid_map
/tmp/as-ada /other estiba-oci delete --force two
