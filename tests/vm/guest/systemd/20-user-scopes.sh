# A plain user's containers in scopes of his own manager: limits, cpu.idle and files of cgroup v2 as properties, update,
# exec from outside of the scope, nothing left.
. /guest/functions
grep -q ^eve: /etc/passwd || echo 'eve:x:1001:1001::/home/eve:/bin/sh' >>/etc/passwd
grep -q ^eve: /etc/group || echo 'eve:x:1001:' >>/etc/group
mkdir -p /home/eve /run/user/1001 /etc/systemd/user
printf '[Unit]\nDescription=nothing\n' >/etc/systemd/user/default.target
cat >/etc/systemd/system/user@1001.service <<'END'
[Unit]
DefaultDependencies=no
[Service]
User=eve
Type=notify
Slice=user-1001.slice
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/1001 HOME=/home/eve
ExecStart=/lib/systemd/systemd --user
END
chown 1001:1001 /home/eve /run/user/1001
systemctl daemon-reload
systemctl start user@1001.service
manager=/user.slice/user-1001.slice/user@1001.service
make_bundle /home/eve/bundle <<'END'
sleep 1000
END
rm config.json
chown -R 1001:1001 /home/eve
cat >/tmp/as-eve <<'END'
#!/bin/sh
echo $$ >/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service/init.scope/cgroup.procs
cd /home/eve/bundle
exec /bin/setpriv --reuid=1001 --regid=1001 --clear-groups --inh-caps=-all "$@"
END
chmod +x /tmp/as-eve
oci() { /tmp/as-eve env XDG_RUNTIME_DIR=/run/user/1001 estiba-oci --systemd-cgroup "$@" </dev/null; }

oci spec --rootless
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"readonly": true/"readonly": false/' \
  -e 's|"sh"$|"sh", "/bin/program"|' config.json
sed -i -e 's|"linux": {|"linux": { "resources": {"pids": {"limit": 30}, "cpu": {"idle": 1}, "unified": {"memory.high": "50331648", "memory.min": "1048576"}},|' config.json
group=/sys/fs/cgroup$manager/user.slice/estiba-one.scope
show() { /tmp/as-eve env XDG_RUNTIME_DIR=/run/user/1001 systemctl --user show estiba-one.scope; }
must oci run -d one
grep -qx 30 $group/pids.max
grep -qx 1 $group/cpu.idle
grep -qx 50331648 $group/memory.high
[ $(stat -c %u $group) = 1001 ]
show >/tmp/show
for line in TasksMax=30 CPUWeight=idle MemoryHigh=50331648 MemoryMin=1048576 Delegate=yes Slice=user.slice; do
  grep -qx $line /tmp/show || { grep ${line%%=*} /tmp/show; echo "wanted $line"; exit 1; }
done
oci exec one cat /proc/self/cgroup | grep -qx 0::/
must oci update --pids-limit 20 one
grep -qx 20 $group/pids.max
show | grep -qx TasksMax=20
oci pause one
grep -q 'frozen 1' $group/cgroup.events
oci resume one
must oci delete --force one
[ ! -e $group ]

# Without $XDG_RUNTIME_DIR the manager is found where logind puts it.
must /tmp/as-eve env -u XDG_RUNTIME_DIR estiba-oci --root /home/eve/state --systemd-cgroup run -d one
[ -e $group ]
must /tmp/as-eve env -u XDG_RUNTIME_DIR estiba-oci --root /home/eve/state --systemd-cgroup delete --force one
[ ! -e $group ]
systemctl kill -s KILL user@1001.service  # it has no exit.target to end by
