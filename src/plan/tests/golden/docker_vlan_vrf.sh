#!/bin/sh
# Container 'web' by hand, step by step. Save this to a file, read it, and run it as root on a machine of yours.
# Needs util-linux, iproute2 and libcap2-bin. Only for a root file system you trust: a shell follows its links.
# "(no command)" marks what a shell cannot do: the container it makes lacks that.
set -eu
self=$(readlink -f "$0")

newline='
'
# The container's cgroup in the hierarchy of a controller.
group() {
  if [ -d "/sys/fs/cgroup/$1" ]; then echo "/sys/fs/cgroup/$1$cgroup"; else echo "/sys/fs/cgroup$cgroup"; fi
}
groups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup$cgroup"; return; fi
  for each in /sys/fs/cgroup/*/; do
    [ -L "${each%/}" ] || [ ! -e "${each}cgroup.procs" ] || echo "${each%/}$cgroup"
  done
}
make_group() {
  if [ -d "$1" ]; then return; fi
  make_group "${1%/*}"
  for each in $controllers; do # version 2: handed down from the group above
    [ ! -e "${1%/*}/cgroup.subtree_control" ] || echo "+$each" > "${1%/*}/cgroup.subtree_control" 2> /dev/null || :
  done
  mkdir "$1"
  if [ -e "$1/cpuset.mems" ] && [ ! -e "$1/cgroup.type" ]; then # version 1: begins with neither
    cat "${1%/*}/cpuset.cpus" > "$1/cpuset.cpus"
    cat "${1%/*}/cpuset.mems" > "$1/cpuset.mems"
  fi
}
create_groups() {
  controllers=$*
  groups > "$work/groups"
  while read -r group; do make_group "$group"; done < "$work/groups"
}
join_groups() { while read -r group; do echo 0 > "$group/cgroup.procs"; done < "$work/groups"; }
delete_groups() { while read -r group; do rmdir "$group" || :; done < "$work/groups"; }
place() { # a mount point for $1 at $2
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}"; [ -e "$2" ] || : > "$2"; fi
}
bind() { place "$1" "$2"; mount --bind "$1" "$2"; }
rbind() { place "$1" "$2"; mount --rbind "$1" "$2"; }
mask() {
  if [ -d "$1" ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec tmpfs "$1"
  elif [ -e "$1" ]; then mount --bind /dev/null "$1"; fi
}
read_only() { [ ! -e "$1" ] || { mount --rbind "$1" "$1"; mount -o remount,bind,ro "$1"; }; }
# The program of the container's PATH.
find_program() {
  case $1 in */*) echo "$1"; return ;; esac
  IFS=:
  for each in $2; do [ ! -x "$root$each/$1" ] && [ ! -L "$root$each/$1" ] || { echo "$each/$1"; return; }; done
  echo "$1: not found in the container" >&2
  return 127
}
# The home directory of a uid, of the container's own passwd.
home_of() {
  found=/
  [ ! -r "$root/etc/passwd" ] || while IFS=: read -r _ _ uid _ _ home _; do
    [ "$uid" != "$1" ] || { found=$home; break; }
  done < "$root/etc/passwd"
  echo "$found"
}

# ---- in the process, in its new namespaces ----
inside_1() {
  read -r pid _ < /proc/self/stat
  echo "$pid" > "$work/pid"
  # reset nice, scheduling, affinity, personality and ambient capabilities [default] (no command)
  # join the cgroup of 'cpu' [linux.cgroupsPath]
  # join the cgroup of 'memory' [linux.cgroupsPath]
  # join the cgroup of 'pids' [linux.cgroupsPath]
  # make namespaces: cgroup [linux.namespaces: cgroup]
  exec unshare --cgroup sh "$self" inside_2
}
inside_2() {
  # write '0' to '/proc/sys/net/ipv4/ip_unprivileged_port_start' [linux.sysctl]
  printf %s '0' > /proc/'sys/net/ipv4/ip_unprivileged_port_start'
  # set hostname 'box' [hostname]
  hostname 'box'
  # open '/dev/null' of the host, verified [linux.maskedPaths] (no command)
  # cut mount propagation to the host
  mount --make-rslave /
  # attach the root at '/' [root.path]
  mount -t overlay overlay -o 'lowerdir=/var/lib/estiba/snapshots/layers/b:/var/lib/estiba/snapshots/layers/a,upperdir=/var/lib/estiba/snapshots/containers/0123/fs,workdir=/var/lib/estiba/snapshots/containers/0123/work' "$root"
  # mount 'proc' on '/proc' (nosuid,nodev,noexec) [mounts[0]]
  mkdir -p "$root"'/proc'
  mount -t 'proc' -o 'nosuid,nodev,noexec' 'proc' "$root"'/proc'
  # mount 'tmpfs' on '/dev' (nosuid,strictatime,mode=755,size=65536k) [mounts[1]]
  mkdir -p "$root"'/dev'
  mount -t 'tmpfs' -o 'nosuid,strictatime,mode=755,size=65536k' 'tmpfs' "$root"'/dev'
  # mount 'devpts' on '/dev/pts' (nosuid,noexec,newinstance,ptmxmode=0666,gid=5) [mounts[2]]
  mkdir -p "$root"'/dev/pts'
  mount -t 'devpts' -o 'nosuid,noexec,newinstance,ptmxmode=0666,gid=5' 'devpts' "$root"'/dev/pts'
  # mount 'sysfs' on '/sys' (ro,nosuid,nodev,noexec) [mounts[3]]
  mkdir -p "$root"'/sys'
  mount -t 'sysfs' -o 'ro,nosuid,nodev,noexec' 'sysfs' "$root"'/sys'
  # mount 'tmpfs' on '/sys/fs/cgroup' (nosuid,nodev,noexec,mode=755) [mounts[4]]
  mkdir -p "$root"'/sys/fs/cgroup'
  mount -t 'tmpfs' -o 'nosuid,nodev,noexec,mode=755' 'tmpfs' "$root"'/sys/fs/cgroup'
  # bind on '/sys/fs/cgroup/cpu' [mounts[4]]
  if [ -d "$slot10" ]; then
  bind "$slot10" "$root"'/sys/fs/cgroup/cpu'
  mount -o remount,bind,ro,nosuid,nodev,noexec "$root"'/sys/fs/cgroup/cpu'
  fi
  # bind on '/sys/fs/cgroup/memory' [mounts[4]]
  if [ -d "$slot11" ]; then
  bind "$slot11" "$root"'/sys/fs/cgroup/memory'
  mount -o remount,bind,ro,nosuid,nodev,noexec "$root"'/sys/fs/cgroup/memory'
  fi
  # bind on '/sys/fs/cgroup/pids' [mounts[4]]
  if [ -d "$slot12" ]; then
  bind "$slot12" "$root"'/sys/fs/cgroup/pids'
  mount -o remount,bind,ro,nosuid,nodev,noexec "$root"'/sys/fs/cgroup/pids'
  fi
  # bind on '/sys/fs/cgroup/unified' [mounts[4]]
  if [ -d "$slot13" ]; then
  bind "$slot13" "$root"'/sys/fs/cgroup/unified'
  mount -o remount,bind,ro,nosuid,nodev,noexec "$root"'/sys/fs/cgroup/unified'
  fi
  # set mount attributes (ro) [mounts[4]]
  mount -o remount,bind,ro "$root"'/sys/fs/cgroup'
  # bind on '/data' [mounts[5]]
  rbind "$slot1" "$root"'/data'
  mount -o remount,bind,ro,suid,dev,exec "$root"'/data'
  mount --make-rprivate "$root"'/data'
  # make device '/dev/null' (c 1:3) [default /dev]
  [ -e "$root"'/dev/null' ] || mknod -m 0666 "$root"'/dev/null' c 1 3
  # make device '/dev/zero' (c 1:5) [default /dev]
  [ -e "$root"'/dev/zero' ] || mknod -m 0666 "$root"'/dev/zero' c 1 5
  # make device '/dev/full' (c 1:7) [default /dev]
  [ -e "$root"'/dev/full' ] || mknod -m 0666 "$root"'/dev/full' c 1 7
  # make device '/dev/random' (c 1:8) [default /dev]
  [ -e "$root"'/dev/random' ] || mknod -m 0666 "$root"'/dev/random' c 1 8
  # make device '/dev/urandom' (c 1:9) [default /dev]
  [ -e "$root"'/dev/urandom' ] || mknod -m 0666 "$root"'/dev/urandom' c 1 9
  # make device '/dev/tty' (c 5:0) [default /dev]
  [ -e "$root"'/dev/tty' ] || mknod -m 0666 "$root"'/dev/tty' c 5 0
  # link '/dev/ptmx' to 'pts/ptmx' [default /dev]
  [ -e "$root"'/dev/ptmx' ] || ln -sf 'pts/ptmx' "$root"'/dev/ptmx'
  # link '/dev/fd' to '/proc/self/fd' [default /dev]
  [ -e "$root"'/dev/fd' ] || ln -sf '/proc/self/fd' "$root"'/dev/fd'
  # link '/dev/stdin' to '/proc/self/fd/0' [default /dev]
  [ -e "$root"'/dev/stdin' ] || ln -sf '/proc/self/fd/0' "$root"'/dev/stdin'
  # link '/dev/stdout' to '/proc/self/fd/1' [default /dev]
  [ -e "$root"'/dev/stdout' ] || ln -sf '/proc/self/fd/1' "$root"'/dev/stdout'
  # link '/dev/stderr' to '/proc/self/fd/2' [default /dev]
  [ -e "$root"'/dev/stderr' ] || ln -sf '/proc/self/fd/2' "$root"'/dev/stderr'
  # link '/dev/core' to '/proc/kcore' [default /dev]
  [ -e "$root"'/dev/core' ] || ln -sf '/proc/kcore' "$root"'/dev/core'
  # make '/proc/sys' read-only [linux.readonlyPaths[0]]
  read_only "$root"'/proc/sys'
  # mask '/proc/kcore' [linux.maskedPaths[0]]
  mask "$root"'/proc/kcore'
  # pivot into the root, detach the host's tree [root]
  # join session keyring '_ses.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' [default] (no command)
  # start a session [process.terminal] (no command)
  # take stdin, stdout, stderr [process.terminal] (no command)
  # close every other descriptor [default] (no command)
  # set 'RLIMIT_NOFILE' to 1024:2048 [process.rlimits[0]]
  prlimit --pid $$ --nofile=1024:2048
  # set 'RLIMIT_CPU' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --cpu=unlimited:unlimited || :
  # set 'RLIMIT_FSIZE' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --fsize=unlimited:unlimited || :
  # set 'RLIMIT_DATA' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --data=unlimited:unlimited || :
  # set 'RLIMIT_STACK' to 8388608:unlimited or what may be had [default]
  prlimit --pid $$ --stack=8388608:unlimited || :
  # set 'RLIMIT_CORE' to 0:unlimited or what may be had [default]
  prlimit --pid $$ --core=0:unlimited || :
  # set 'RLIMIT_RSS' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --rss=unlimited:unlimited || :
  # set 'RLIMIT_NPROC' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --nproc=unlimited:unlimited || :
  # set 'RLIMIT_MEMLOCK' to 8388608:8388608 or what may be had [default]
  prlimit --pid $$ --memlock=8388608:8388608 || :
  # set 'RLIMIT_AS' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --as=unlimited:unlimited || :
  # set 'RLIMIT_LOCKS' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --locks=unlimited:unlimited || :
  # set 'RLIMIT_MSGQUEUE' to 819200:819200 or what may be had [default]
  prlimit --pid $$ --msgqueue=819200:819200 || :
  # set 'RLIMIT_NICE' to 0:0 or what may be had [default]
  prlimit --pid $$ --nice=0:0 || :
  # set 'RLIMIT_RTPRIO' to 0:0 or what may be had [default]
  prlimit --pid $$ --rtprio=0:0 || :
  # set 'RLIMIT_RTTIME' to unlimited:unlimited or what may be had [default]
  prlimit --pid $$ --rttime=unlimited:unlimited || :
  # give stdio to uid 0 [process.user] (no command)
  # change to directory '/' [process.cwd]
  # drop the bounding set to: CHOWN KILL [process.capabilities.bounding]
  # set 0 supplementary groups [process.user.additionalGids]
  # become user 'ada' as looked up [process.user] (no command)
  # set capabilities to: CHOWN KILL [process.capabilities]
  # set umask 0022 [process.user.umask]
  umask 0022
  # wait for the host's steps [network]
  read -r _ < "$work/go1"
  # find program 'true' [process.args]
  # wait to be started [start] (no command)
  # execute true [process.args]
  program=$(find_program 'true' '/usr/bin:/bin')
  # the root is moved over '/' rather than pivoted to: the last command is still the host's
  cd "$root"
  mount -n --move "$root" /
  exec env -i 'PATH=/usr/bin:/bin' "$(command -v capsh)" --chroot=. --drop=cap_dac_override,cap_dac_read_search,cap_fowner,cap_fsetid,cap_setgid,cap_setuid,cap_setpcap,cap_linux_immutable,cap_net_bind_service,cap_net_broadcast,cap_net_admin,cap_net_raw,cap_ipc_lock,cap_ipc_owner,cap_sys_module,cap_sys_rawio,cap_sys_chroot,cap_sys_ptrace,cap_sys_pacct,cap_sys_admin,cap_sys_boot,cap_sys_nice,cap_sys_resource,cap_sys_time,cap_sys_tty_config,cap_mknod,cap_lease,cap_audit_write,cap_audit_control,cap_setfcap,cap_mac_override,cap_mac_admin,cap_syslog,cap_wake_alarm,cap_block_suspend,cap_audit_read,cap_perfmon,cap_bpf,cap_checkpoint_restore --inh= --noamb --groups= --gid=0 --uid=0 --shell="$program" --
}

case ${1:-} in inside_*) "$1" ;; esac

# ---- on the host, before the process exists ----
set -a
work=$(mktemp -d)
root=$work/root
mkdir "$root"
chmod 711 "$work"
mkfifo -m 666 "$work/pid" "$work/go1"
trap 'rm -f "$work/pid" "$work"/go* "$work/groups"; rmdir "$root" "$work"' EXIT
# mount overlay of 2 layers, upper '/var/lib/estiba/snapshots/containers/0123/fs' [root]
:
# open bind source '/srv/data' [mounts[5]]
slot1='/srv/data'
# create cgroup '/estiba/0123' [linux.cgroupsPath]
cgroup='/estiba/0123'
create_groups
# set memory.limit_in_bytes 67108864 [linux.resources.memory.limit]
echo '67108864' > "$(group 'memory')/"'memory.limit_in_bytes'
# set pids.max 100 [linux.resources.pids.limit]
echo '100' > "$(group 'pids')/"'pids.max'
# look up user 'ada' [process.user] (no command)
# open the cgroup to clone into [linux.cgroupsPath]
# open cgroup controller 'cpu' [linux.cgroupsPath]
# open cgroup controller 'memory' [linux.cgroupsPath]
# open cgroup controller 'pids' [linux.cgroupsPath]
# open own cgroup of 'cpu' as mount source [mounts[4]]
slot10=$(group 'cpu')
# open own cgroup of 'memory' as mount source [mounts[4]]
slot11=$(group 'memory')
# open own cgroup of 'pids' as mount source [mounts[4]]
slot12=$(group 'pids')
# open own cgroup of 'unified' as mount source [mounts[4]]
slot13=$(group 'unified')

# ---- on the host, to the process that now exists ----
beside() {
  read -r pid < "$work/pid"
  # set oom_score_adj to 0 [default]
  echo '0' > "/proc/$pid/oom_score_adj"
  # load 11 device rules [linux.resources.devices] (no command)
  # ensure nft table 'inet estiba' [network] (no command)
  # ensure bridge link 'estiba0', VLAN 20, VRF 'red' [network]
  ip link show 'estiba0' > /dev/null 2>&1 || ip link add 'estiba0' address '02:42:ac:11:00:01' type bridge vlan_filtering 1 vlan_default_pvid 0
  ip link set 'estiba0' master 'red'
  bridge vlan add dev 'estiba0' vid 20 pvid untagged self
  # ensure bridge 'estiba0' with address '172.17.0.1/16' [network]
  ip link show 'estiba0' > /dev/null 2>&1 || ip link add 'estiba0' type bridge
  ip addr replace '172.17.0.1/16' dev 'estiba0'
  ip link set 'estiba0' up
  # add veth 've01234567' on bridge 'estiba0', 'eth0' inside [network]
  ip link add 've01234567' master 'estiba0' up type veth peer name 'eth0' address '02:42:ac:11:00:02' netns "$pid"
  # put 've01234567' into VLAN 20 [network]
  bridge vlan add dev 've01234567' vid 20 pvid untagged
  # configure 'eth0' with '172.17.0.2/16', gateway '172.17.0.1' [network]
  nsenter -t "$pid" -n ip link set lo up
  nsenter -t "$pid" -n ip addr add '172.17.0.2/16' dev 'eth0'
  nsenter -t "$pid" -n ip link set 'eth0' up
  nsenter -t "$pid" -n ip route add default via '172.17.0.1'
  # publish ports 0.0.0.0:8080 to 172.17.0.2:80 tcp [ports] (no command)
  echo go > "$work/go1"
}

# ---- the one clone, and what is left when it has ended ----
( trap '[ "$?" = 0 ] || kill -9 "$pid"' EXIT; beside ) &
helper=$!
status=0
(
  join_groups
  exec unshare --pid --fork --mount --net --uts --ipc sh "$self" inside_1
) || status=$?
kill -9 "$helper" 2> /dev/null || :
# unpublish ports 0.0.0.0:8080 to 172.17.0.2:80 tcp [ports] (no command)
# delete veth 've01234567' [network]
ip link delete 've01234567' 2> /dev/null || :
# delete cgroup '/estiba/0123' [linux.cgroupsPath]
delete_groups
exit "$status"
