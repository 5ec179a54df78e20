# kill -9 of the engine and of a monitor, on cgroup v2.
estiba run -d --name k estiba/busybox sleep 1000
kill -9 $(pidof estibad)
estiba ps --format '{{.Names}}' | grep -qx k
pid=$(estiba inspect -f '{{.State.Pid}}' k)
monitor=$(awk '/^PPid:/ { print $2 }' /proc/$pid/status)
kill -9 $monitor
for i in $(seq 100); do
  estiba inspect -f '{{.State.Status}} {{.State.ExitCode}}' k | grep -qx 'exited 137' && break
  sleep 0.1
done
estiba inspect -f '{{.State.Status}} {{.State.ExitCode}}' k | grep -qx 'exited 137'
test ! -e /proc/$pid
estiba rm k
