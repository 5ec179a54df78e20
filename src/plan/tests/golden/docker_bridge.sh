#!/bin/sh
# Roughly container 'web' by hand. Lines that begin with '# ' have no command.
set -e
root=$(mktemp -d)
cgroup='/estiba/0123'
mount -t overlay overlay -o 'lowerdir=/var/lib/estiba/snapshots/layers/b:/var/lib/estiba/snapshots/layers/a,upperdir=/var/lib/estiba/snapshots/containers/0123/fs,workdir=/var/lib/estiba/snapshots/containers/0123/work' "$root"
slot1='/srv/data'
for c in /sys/fs/cgroup/*/; do mkdir -p "$c"'/estiba/0123'; done
echo '67108864' > /sys/fs/cgroup/memory$cgroup/memory.limit_in_bytes
echo '100' > /sys/fs/cgroup/pids$cgroup/pids.max
# load 11 device rules
# look up user 'ada'
# open the cgroup to clone into
# open cgroup controller 'cpu'
# open cgroup controller 'memory'
# open cgroup controller 'pids'
slot8=/sys/fs/cgroup/cpu$cgroup
slot9=/sys/fs/cgroup/memory$cgroup
slot10=/sys/fs/cgroup/pids$cgroup
slot11=/sys/fs/cgroup/unified$cgroup
# the one clone: unshare --pid --fork --mount --net --uts --ipc
echo '0' > /proc/$pid/oom_score_adj # on the host
# reset nice, scheduling, affinity, personality and ambient capabilities
echo 0 > /sys/fs/cgroup/cpu$cgroup/tasks
echo 0 > /sys/fs/cgroup/memory$cgroup/tasks
echo 0 > /sys/fs/cgroup/pids$cgroup/tasks
# make namespaces: cgroup
echo '0' > /proc/sys/net/ipv4/ip_unprivileged_port_start
hostname 'box'
# ensure nft table 'inet estiba' # on the host
ip link add 'estiba0' type bridge; ip addr add '172.17.0.1' dev 'estiba0'; ip link set 'estiba0' up # on the host
ip link add 've01234567' master 'estiba0' up type veth peer name 'eth0' address '02:42:ac:11:00:02' netns "$pid" # on the host
nsenter -t "$pid" -n sh -c 'ip link set lo up; ip addr add 172.17.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.17.0.1' # on the host
# publish ports 0.0.0.0:8080 to 172.17.0.2:80 tcp # on the host
# open '/dev/null' of the host, verified
mount --make-rslave /
# attach the root at '/'
mkdir -p "$root"'/proc'; mount -t 'proc' 'proc' "$root"'/proc'
mkdir -p "$root"'/dev'; mount -t 'tmpfs' 'tmpfs' "$root"'/dev'
mkdir -p "$root"'/dev/pts'; mount -t 'devpts' 'devpts' "$root"'/dev/pts'
mkdir -p "$root"'/sys'; mount -t 'sysfs' 'sysfs' "$root"'/sys'
mkdir -p "$root"'/sys/fs/cgroup'; mount -t 'tmpfs' 'tmpfs' "$root"'/sys/fs/cgroup'
if [ -d "$slot8" ]; then mkdir -p "$root"'/sys/fs/cgroup/cpu'; else touch "$root"'/sys/fs/cgroup/cpu'; fi; mount --rbind "$slot8" "$root"'/sys/fs/cgroup/cpu'
if [ -d "$slot9" ]; then mkdir -p "$root"'/sys/fs/cgroup/memory'; else touch "$root"'/sys/fs/cgroup/memory'; fi; mount --rbind "$slot9" "$root"'/sys/fs/cgroup/memory'
if [ -d "$slot10" ]; then mkdir -p "$root"'/sys/fs/cgroup/pids'; else touch "$root"'/sys/fs/cgroup/pids'; fi; mount --rbind "$slot10" "$root"'/sys/fs/cgroup/pids'
if [ -d "$slot11" ]; then mkdir -p "$root"'/sys/fs/cgroup/unified'; else touch "$root"'/sys/fs/cgroup/unified'; fi; mount --rbind "$slot11" "$root"'/sys/fs/cgroup/unified'
# set mount attributes (ro)
if [ -d "$slot1" ]; then mkdir -p "$root"'/data'; else touch "$root"'/data'; fi; mount --rbind "$slot1" "$root"'/data'
mknod "$root"'/dev/null' c 1 3
mknod "$root"'/dev/zero' c 1 5
mknod "$root"'/dev/full' c 1 7
mknod "$root"'/dev/random' c 1 8
mknod "$root"'/dev/urandom' c 1 9
mknod "$root"'/dev/tty' c 5 0
ln -s 'pts/ptmx' "$root"'/dev/ptmx'
ln -s '/proc/self/fd' "$root"'/dev/fd'
ln -s '/proc/self/fd/0' "$root"'/dev/stdin'
ln -s '/proc/self/fd/1' "$root"'/dev/stdout'
ln -s '/proc/self/fd/2' "$root"'/dev/stderr'
ln -s '/proc/kcore' "$root"'/dev/core'
mount --rbind "$root"'/proc/sys' "$root"'/proc/sys'; mount -o remount,bind,ro "$root"'/proc/sys'
mount --bind /dev/null "$root"'/proc/kcore'
cd "$root"; pivot_root . .; umount -l .; cd /
# join session keyring '_ses.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
# start a session
# take stdin, stdout, stderr
# close every other descriptor
# set 'RLIMIT_NOFILE' to 1024:2048
# set 'RLIMIT_CPU' to unlimited:unlimited or what may be had
# set 'RLIMIT_FSIZE' to unlimited:unlimited or what may be had
# set 'RLIMIT_DATA' to unlimited:unlimited or what may be had
# set 'RLIMIT_STACK' to 8388608:unlimited or what may be had
# set 'RLIMIT_CORE' to 0:unlimited or what may be had
# set 'RLIMIT_RSS' to unlimited:unlimited or what may be had
# set 'RLIMIT_NPROC' to unlimited:unlimited or what may be had
# set 'RLIMIT_MEMLOCK' to 8388608:8388608 or what may be had
# set 'RLIMIT_AS' to unlimited:unlimited or what may be had
# set 'RLIMIT_LOCKS' to unlimited:unlimited or what may be had
# set 'RLIMIT_MSGQUEUE' to 819200:819200 or what may be had
# set 'RLIMIT_NICE' to 0:0 or what may be had
# set 'RLIMIT_RTPRIO' to 0:0 or what may be had
# set 'RLIMIT_RTTIME' to unlimited:unlimited or what may be had
# give stdio to uid 0
cd '/'
# drop the bounding set to: CHOWN KILL
# set 0 supplementary groups
# setpriv --reuid 0 --regid 0
# set capabilities to: CHOWN KILL
# set umask 0022
# wait for the host's steps
# find program 'true'
# wait to be started
# execute true
exec 'true'
