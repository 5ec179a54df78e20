# The out-of-memory kill of cgroup v2 is seen and reported.
estiba run --name hog -m 24m --memory-swap 24m estiba/busybox sh -c 'tail /dev/zero' && exit 1
estiba inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' hog | grep -qx 'true 137'
estiba rm hog
