# Units: an engine by its socket, containers that go with the host and come back with it.
. /guest/functions
cp /guest/units/* /etc/systemd/system/
# The guest's systemd has no units of its own; every other one stands on these.
for name in sysinit basic sockets shutdown network network-online nss-lookup remote-fs; do
  printf '[Unit]\nDefaultDependencies=no\n' >/etc/systemd/system/$name.target
done
must systemctl daemon-reload
must systemctl start estiba.socket estiba-containers.service
estiba run -d --name kept --restart unless-stopped --network none estiba/busybox sleep 1000
estiba run -d --name not --network none estiba/busybox sleep 1000
# It is systemd's engine, not one that the command has started.
[ "$(systemctl show -P MainPID estiba.service)" = "$(pidof estibad)" ]
pid=$(estiba inspect -f '{{.State.Pid}}' kept)
# The engine may go: containers do not notice.
must systemctl stop estiba.service
[ -e /proc/$pid ]
must systemctl stop estiba-containers.service
[ ! -e /proc/$pid ]
[ -z "$(estiba ps -q)" ]
must systemctl start estiba-containers.service
[ "$(estiba ps --format '{{.Names}}')" = kept ]
estiba rm -f kept not
must systemctl stop estiba-containers.service estiba.service estiba.socket
