# Health checks on cgroup v2: probed, not while frozen, killed when it takes too long, gone with a monitor that is killed.
. /guest/functions
estiba run -d --name well --health-cmd 'test -e /well' --health-interval 300ms --health-retries 1 estiba/busybox \
  sh -c 'touch /well; exec sleep 1000'
is() { estiba inspect -f "{{.State.Health.Status}}" $1 | grep -qx $2; }
wait_for is well healthy
estiba pause well
last() { estiba inspect -f '{{json .State.Health.Log}}' well; }
before=$(last)
sleep 2
test "$(last)" = "$before"
estiba unpause well
estiba exec well rm /well
wait_for is well unhealthy

estiba run -d --name slow --health-cmd 'sleep 4321 & sleep 4321' --health-interval 300ms --health-timeout 2s \
  --health-retries 1 estiba/busybox sleep 1000
wait_for is slow unhealthy
estiba inspect -f '{{json .State.Health.Log}}' slow | grep -q 'Health check exceeded timeout (2s)'
pid=$(estiba inspect -f '{{.State.Pid}}' slow)
probing() { test "$(ls /proc/$pid/root/proc | grep -c '^[0-9]')" -gt 1; }
wait_for probing
kill -9 $(awk '/^PPid:/ { print $2 }' /proc/$pid/status)
wait_for sh -c "estiba inspect -f '{{.State.Status}} {{.State.ExitCode}}' slow | grep -qx 'exited 137'"
test ! -e /proc/$pid
test -z "$(pidof sleep | xargs -n1 2>/dev/null | while read one; do grep -l 4321 /proc/$one/cmdline; done)"
estiba rm -f slow well
