# One life of a machine whose plug is pulled: what the last left is checked, then images come and go until it is pulled
# again. /disk/told has the names that a client was told are there.
. /guest/functions
mkdir -p /disk && mount -t ext4 /dev/vda /disk && mkdir -p /disk/registry
touch /disk/told
cat >/tmp/estibad.toml <<END
data_root = "/disk/estiba"
run_root = "/run/estiba"
END
cat >/tmp/registry.yml <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: /tmp/registry}}
http: {addr: 127.0.0.1:5000}
END
export ESTIBA_CONFIG=/tmp/estibad.toml
docker-registry serve /tmp/registry.yml >/tmp/registry.log 2>&1 &
wait_for estiba info

for name in $(cat /disk/told); do
  estiba image inspect $name >/dev/null 2>&1 || { echo "lost: $name"; estiba images; exit 1; }
done
estiba store check || exit 1
left=$(ls /disk/estiba/content/ingest /disk/estiba/snapshots/tmp | grep -v : | grep . || true)
[ -z "$left" ] || { echo "left over: $left"; exit 1; }
grep -q resets=last /proc/cmdline && { echo "RESETS-SOUND"; exit 0; }

# Durable before it counts.
tell() { echo "$1" >>/disk/told; sync /disk/told; }
untell() { grep -vx "$1" /disk/told >/disk/told.new || true; sync /disk/told.new; mv /disk/told.new /disk/told; sync /disk; }

for i in 1 2; do estiba load -q -i /guest/images/$i.tar >/dev/null; estiba tag image-$i:1 127.0.0.1:5000/image-$i:1; done
wait_for wget -q -O /dev/null http://127.0.0.1:5000/v2/ || { cat /tmp/registry.log; exit 1; }
for i in 1 2; do estiba push -q 127.0.0.1:5000/image-$i:1 >/dev/null; untell image-$i:1; untell 127.0.0.1:5000/image-$i:1; done
estiba rmi image-1:1 image-2:1 127.0.0.1:5000/image-1:1 127.0.0.1:5000/image-2:1 >/dev/null
estiba rm -f writer >/dev/null 2>&1 || true
estiba run --name writer --network none estiba/busybox sh -c 'dd if=/dev/urandom of=/new bs=100k count=9 2>/dev/null; rm /etc/group'
echo "RESETS-READY"
while :; do
  for i in 1 2; do
    estiba load -q -i /guest/images/$i.tar >/dev/null && tell image-$i:1
    estiba pull -q 127.0.0.1:5000/image-$(( 3 - i )):1 >/dev/null && tell 127.0.0.1:5000/image-$(( 3 - i )):1
  done
  estiba commit writer committed:1 >/dev/null && tell committed:1
  untell committed:1; estiba rmi committed:1 >/dev/null
  for i in 1 2; do
    for name in image-$i:1 127.0.0.1:5000/image-$i:1; do untell $name; estiba rmi $name >/dev/null; done
  done
done
