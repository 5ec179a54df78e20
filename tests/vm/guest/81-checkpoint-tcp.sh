# TCP connections across checkpoint and restore: kept, closed, and such as are being made.
. /guest/functions
make_bundle /tmp/talk <<'END'
nc -l -p 7000 -e cat &
sleep 1
n=0
while [ ! -e /tmp/gone ]; do n=$((n + 1)); echo $n; sleep 0.1; done | nc 127.0.0.1 7000 >/tmp/echo
echo closed >/tmp/closed
sleep 1000
END
must estiba-oci run -d talk
wait_for [ -s rootfs/tmp/echo ]
refused 'consider using --tcp-established' estiba-oci checkpoint --image-path /tmp/talk-images talk
estiba-oci state talk | grep -q '"status": "running"'
must estiba-oci checkpoint --image-path /tmp/talk-images --tcp-established talk
said=$(tail -n 1 rootfs/tmp/echo)
refused 'Connected TCP socket in image' estiba-oci restore -d --image-path /tmp/talk-images talk
must estiba-oci restore -d --image-path /tmp/talk-images --tcp-established talk
wait_for sh -c "[ \$(tail -n 1 rootfs/tmp/echo) -gt $((said + 3)) ]"
[ ! -e rootfs/tmp/closed ]
# Every number once and in order: nothing was lost or said twice.
seq $(tail -n 1 rootfs/tmp/echo) >/tmp/all
head -n $(grep -c . /tmp/all) rootfs/tmp/echo | cmp - /tmp/all

must estiba-oci checkpoint --image-path /tmp/talk-images --tcp-established talk
must estiba-oci restore -d --image-path /tmp/talk-images --tcp-close talk
wait_for [ -e rootfs/tmp/closed ]
must estiba-oci delete --force talk
rm -r /tmp/talk-images

# One that the server has not accepted.
make_bundle /tmp/waiting <<'END'
nc -l -p 7001 &
server=$!
sleep 1
kill -STOP $server
sleep 1000 | nc 127.0.0.1 7001 &
while ! grep -q ':1B59 01 ' /proc/net/tcp; do sleep 0.1; done
echo up >/tmp/up
sleep 1000
END
ln -s busybox rootfs/bin/grep
must estiba-oci run -d waiting
wait_for [ -e rootfs/tmp/up ]
refused 'In-flight connection' estiba-oci checkpoint --image-path /tmp/talk-images --tcp-established waiting
must estiba-oci checkpoint --image-path /tmp/talk-images --tcp-established --tcp-skip-in-flight waiting
must estiba-oci restore -d --image-path /tmp/talk-images --tcp-established waiting
estiba-oci exec waiting cat /proc/net/tcp6 | grep -q ':1B59 .* 0A '  # it listens again
must estiba-oci delete --force waiting
rm -r /tmp/talk-images
