# The out-of-memory kill of cgroup v2 is seen and reported.
estiba run --name hog -m 24m --memory-swap 24m estiba/busybox sh -c 'tail /dev/zero' && exit 1
estiba inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' hog | grep -qx 'true 137'
estiba rm hog

# So is that of a child, while the container runs on.
estiba run -d --name parent -m 24m --memory-swap 24m estiba/busybox sh -c 'tail /dev/zero; exec sleep 1000'
for i in $(seq 300); do
  estiba inspect -f '{{.State.Running}} {{.State.OOMKilled}}' parent | grep -qx 'true true' && break
  sleep 0.1
done
estiba inspect -f '{{.State.Running}} {{.State.OOMKilled}}' parent | grep -qx 'true true'
estiba rm -f parent
