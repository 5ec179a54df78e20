# Memory in parts: pre-dumps each with what changed since the one before, deduplicated; pages fetched after the restore.
. /guest/functions
make_bundle /tmp/parts <<'END'
data=$(head -c 3000000 /dev/zero | tr '\0' x)
n=0
while [ ! -e /tmp/look ]; do n=$((n + 1)); echo $n >>/tmp/count; sleep 0.1; done
echo ${#data} $data | tr -d ' 0-9\n' | tr -s x >/tmp/seen
echo ${#data} >/tmp/length
sleep 1000
END
size() { ls -l $1/pages-*.img | { sum=0; while read -r a b c d bytes e; do sum=$((sum + bytes)); done; echo $sum; }; }
used() { du -sk $1 | cut -f 1; }
must estiba-oci run -d parts
wait_for [ -s rootfs/tmp/count ]
mkdir /tmp/parts-images
must estiba-oci checkpoint --pre-dump --image-path /tmp/parts-images/1 parts
estiba-oci state parts | grep -q '"status": "running"'
must estiba-oci checkpoint --pre-dump --image-path /tmp/parts-images/2 --parent-path ../1 parts
[ $(size /tmp/parts-images/1) -gt 3000000 ]
[ $(size /tmp/parts-images/2) -lt 1000000 ]
before=$(used /tmp/parts-images/2)
must estiba-oci checkpoint --image-path /tmp/parts-images/3 --parent-path ../2 --auto-dedup parts
[ $(size /tmp/parts-images/3) -lt 1000000 ]
[ $(used /tmp/parts-images/2) -lt $before ]
must estiba-oci restore -d --image-path /tmp/parts-images/3 parts
seen=$(tail -n 1 rootfs/tmp/count)
wait_for sh -c "[ \$(tail -n 1 rootfs/tmp/count) -gt $seen ]"

# The page server has the memory until who restores has fetched it.
mkdir /tmp/lazy /tmp/work
mkfifo /tmp/ready
estiba-oci checkpoint --image-path /tmp/lazy --work-path /tmp/work --lazy-pages --page-server 127.0.0.1:7777 \
  --status-fd 9 parts 9>/tmp/ready </dev/null >/dev/null 2>/tmp/server &
server=$!
[ $(head -c 1 /tmp/ready | wc -c) = 1 ]
[ $(size /tmp/lazy) -lt 1000000 ]
criu lazy-pages --page-server --address 127.0.0.1 --port 7777 -D /tmp/lazy -W /tmp/work -o lazy.log &
client=$!
must estiba-oci restore -d --lazy-pages --image-path /tmp/lazy --work-path /tmp/work other
wait $server || { cat /tmp/server; exit 1; }
wait $client
refused 'does not exist' estiba-oci state parts
touch rootfs/tmp/look
wait_for [ -e rootfs/tmp/length ]
grep -qx 3000000 rootfs/tmp/length
grep -qx x rootfs/tmp/seen
must estiba-oci delete --force other
rm -r /tmp/parts-images /tmp/lazy /tmp/work
