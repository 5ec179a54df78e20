# kill -9 of the engine and of a monitor whose container has another user, on cgroup v2.
estiba run -d --name kk -u 1000:1000 estiba/busybox sleep 1000
kill -9 $(pidof estibad)
estiba ps --format '{{.Names}}' | grep -qx kk
pid=$(estiba inspect -f '{{.State.Pid}}' kk)
monitor=$(awk '/^PPid:/ { print $2 }' /proc/$pid/status)
kill -9 $monitor
for i in $(seq 100); do
  estiba inspect -f '{{.State.Status}} {{.State.ExitCode}}' kk | grep -qx 'exited 137' && break
  sleep 0.1
done
estiba inspect -f '{{.State.Status}} {{.State.ExitCode}}' kk | grep -qx 'exited 137'
test ! -e /proc/$pid
estiba rm kk
