# The engine where AppArmor is on: containers have its default profile, which is loaded when it is needed and not there.
[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ]
default='estiba-default (enforce)'
label='cat /proc/self/attr/current'
loaded() { grep -qx "$default" /sys/kernel/security/apparmor/profiles; }
flush() { echo 'profile estiba-default {}' | apparmor_parser -R; }
run() { estiba run --rm "$@"; }
is() { want=$1; shift; got=$("$@" 2>/tmp/err) || { cat /tmp/err; exit 1; }; [ "$got" = "$want" ] || { echo "$got"; exit 1; }; }
says() { grep -q "$1" $2 || { cat $2; exit 1; }; }
lost() { if loaded; then echo "the profile is loaded"; exit 1; fi; }
refused() { if "$@" >/tmp/out 2>/tmp/err; then cat /tmp/out; exit 1; fi; }

# Loaded at first need.
if loaded; then flush; fi
estiba images >/dev/null
lost
is "$default" run estiba/busybox $label
loaded

is "$default" run --security-opt no-new-privileges -u 1000 --init estiba/busybox $label

# What it denies, each tried without it too: then it is allowed, so it was the profile.
both() { # options... -- command
  options=""
  while [ "$1" != -- ]; do options="$options $1"; shift; done
  shift
  refused run $options --security-opt apparmor=estiba-default estiba/busybox sh -c "$1"
  says '[Pp]ermission denied' /tmp/err
  run $options --security-opt apparmor=unconfined estiba/busybox sh -c "$1"
}
both --security-opt systempaths=unconfined -- 'echo evil >/proc/sys/kernel/domainname'
both --security-opt systempaths=unconfined -- ': >>/proc/sys/kernel/sem'
both --security-opt systempaths=unconfined -- ': >>/proc/sysrq-trigger'
both --cap-add SYS_ADMIN -- 'mount -t tmpfs none /tmp'
both --privileged -- ': >>/sys/kernel/rcu_expedited'
both --privileged -- 'ls /sys/kernel/security/apparmor || mount -t securityfs s /tmp'
sleep 3000 &
outside=$!
both --pid host -- "kill -0 $outside"
both --pid host --cap-add SYS_PTRACE -- "cat /proc/$outside/environ"
kill $outside
# What it leaves alone.
run --security-opt systempaths=unconfined estiba/busybox sh -c ': >>/proc/sys/kernel/shmmax && echo a >/proc/self/comm'
is 'a b' run estiba/busybox sh -c 'sleep 1000 & echo a $(kill $! && wait $! || echo b)'

# Who has it not, and who has another.
echo 'profile vm-named flags=(attach_disconnected) { file, signal, network, capability, }' | apparmor_parser -Kr
is unconfined run --privileged estiba/busybox $label
is unconfined run --security-opt apparmor=unconfined estiba/busybox $label
is 'vm-named (enforce)' run --security-opt apparmor=vm-named estiba/busybox $label
refused run --security-opt apparmor=no-such estiba/busybox true
says "AppArmor profile 'no-such' is not loaded" /tmp/err
says 'apparmor_parser -r' /tmp/err
estiba info >/tmp/out 2>&1
says '^ *name=apparmor' /tmp/out

# An exec has its container's, --privileged too; a profile that was flushed is back.
estiba run -d --name confined --restart always estiba/busybox sleep 1000
[ "$(estiba inspect -f '{{.AppArmorProfile}}' confined)" = estiba-default ]
is "$default" estiba exec confined $label
is "$default" estiba exec --privileged confined $label
flush
lost
is "$default" estiba exec confined $label
flush
is "$default" run estiba/busybox $label

# A monitor needs nobody to start its container again; an engine that was killed has left nothing half done.
pid=$(estiba inspect -f '{{.State.Pid}}' confined)
monitor=$(awk '/^PPid:/ { print $2 }' /proc/$pid/status)
kill -9 $(pidof estibad)
kill -9 $pid
for i in $(seq 200); do
  again=$(grep -l "^PPid:[[:space:]]*$monitor\$" /proc/[0-9]*/status 2>/dev/null | sed 's|[^0-9]||g' | head -n 1)
  [ -n "$again" ] && [ "$(cat /proc/$again/comm)" = sleep ] && break
  sleep 0.1
done
grep -qx "$default" /proc/$again/attr/current
flush
is "$default" run estiba/busybox $label
estiba restart -t 0 confined
grep -qx "$default" /proc/$(estiba inspect -f '{{.State.Pid}}' confined)/attr/current
# Where the profile was flushed meanwhile, that monitor starts nothing; the next to start it does.
pid=$(estiba inspect -f '{{.State.Pid}}' confined)
monitor=$(awk '/^PPid:/ { print $2 }' /proc/$pid/status)
kill -9 $(pidof estibad)
flush
kill -9 $pid
for i in $(seq 200); do [ -e /proc/$monitor ] || break; sleep 0.1; done
[ ! -e /proc/$monitor ]
says_state() { estiba inspect -f '{{.State.Status}} {{.State.Error}}' confined >/tmp/out; says "$1" /tmp/out; }
says_state '^exited .*estiba-default'
estiba start confined
grep -qx "$default" /proc/$(estiba inspect -f '{{.State.Pid}}' confined)/attr/current
estiba rm -f confined

# Without the parser, as docker: no profile of ours, said aloud; what others have loaded can still be had.
mv /bin/apparmor_parser /bin/apparmor_parser.away
estiba run --rm estiba/busybox $label >/tmp/out 2>/tmp/err
says '^unconfined$' /tmp/out
says 'AppArmor does not confine the container: apparmor_parser is not installed' /tmp/err
estiba info >/tmp/out 2>&1
says 'WARNING: AppArmor does not confine containers' /tmp/out
if grep -q name=apparmor /tmp/out; then exit 1; fi
is 'vm-named (enforce)' run --security-opt apparmor=vm-named estiba/busybox $label
refused run --security-opt apparmor=estiba-default estiba/busybox true
says 'apparmor_parser is not installed' /tmp/err
mv /bin/apparmor_parser.away /bin/apparmor_parser
is "$default" run estiba/busybox $label
