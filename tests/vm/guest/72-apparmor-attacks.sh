# Images, volumes and containers that would have a profile written elsewhere (CVE-2019-16884, CVE-2019-19921,
# CVE-2021-30465, CVE-2023-28642): the container is refused, or the profile holds.
echo 'profile attacked flags=(attach_disconnected) { file, signal, mount, umount, capability, network, }' |
  apparmor_parser -Kr
bundle=/tmp/attacked
fake=/tmp/fake-proc
mkdir -p $bundle/rootfs/bin $bundle/rootfs/proc $bundle/rootfs/dev $bundle/rootfs/sys
cp /bin/busybox $bundle/rootfs/bin/
for name in sh sleep cat mount mkdir; do ln -s busybox $bundle/rootfs/bin/$name; done
for where in self thread-self 1; do
  mkdir -p $fake/$where/attr/apparmor
  for name in exec current apparmor/exec apparmor/current; do echo untouched >$fake/$where/attr/$name; done
done
cd $bundle
estiba-oci spec
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"sleep", "1000"/' -e 's/"readonly": true/"readonly": false/' config.json
sed -i -e 's|"process": {|"process": { "apparmorProfile": "attacked",|' -e 's/"CAP_KILL"/"CAP_KILL", "CAP_SYS_ADMIN"/' config.json
cp config.json good.json
untouched() { if grep -rLx untouched $fake | grep .; then exit 1; fi; }
refused() { if estiba-oci run -d "$1" >/dev/null 2>/tmp/err </dev/null; then exit 1; fi; untouched; }
pid() { estiba-oci state $1 | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'; }
holds() { grep -qx 'attacked (enforce)' /proc/$1/attr/current; }

# A volume over /proc, or over a file in it.
for target in /proc /proc/self/attr /proc/self/attr/apparmor /proc/1/attr /tmp/../proc; do
  sed -e "s|\"mounts\": \[|\"mounts\": [ {\"destination\": \"/x\", \"type\": \"bind\", \"source\": \"$fake\", \"options\": [\"bind\"]},|" \
    -e "s|\"/x\"|\"$target\"|" good.json >config.json
  refused volume
  grep -q '/proc' /tmp/err || { cat /tmp/err; exit 1; }
done
cp good.json config.json

# The image's /proc is a link.
rmdir rootfs/proc
cp -r $fake rootfs/fake
for target in fake /fake $fake ../../..$fake /; do
  ln -s $target rootfs/proc
  refused link
  rm rootfs/proc
done
mkdir rootfs/proc

# Names exchanged while containers are created on them.
ln -s fake rootfs/link
(while [ ! -e /tmp/stop ]; do mv -T rootfs/proc rootfs/was; mv -T rootfs/link rootfs/proc; mv -T rootfs/proc rootfs/link; mv -T rootfs/was rootfs/proc; done) 2>/dev/null &
exchanger=$!
for round in 1 2 3 4 5 6 7 8; do
  if estiba-oci run -d race$round >/dev/null 2>/tmp/err </dev/null; then
    holds $(pid race$round)
    estiba-oci delete --force race$round
  fi
done
touch /tmp/stop
wait $exchanger || true
untouched
rm -rf rootfs/proc rootfs/was rootfs/link
mkdir rootfs/proc

# A container that has covered its /proc: who enters it has the profile all the same.
estiba-oci run -d covered >/dev/null 2>/tmp/err </dev/null || { cat /tmp/err; exit 1; }
holds $(pid covered)
estiba-oci exec covered sh -c 'mount -t tmpfs none /proc && mkdir -p /proc/self/attr/apparmor /proc/thread-self/attr &&
  echo untouched >/proc/self/attr/exec && echo untouched >/proc/self/attr/apparmor/exec'
estiba-oci exec -d --pid-file /tmp/entered covered sleep 999
holds $(cat /tmp/entered)
[ "$(estiba-oci exec covered cat /proc/self/attr/apparmor/exec /proc/self/attr/exec | sort -u)" = untouched ]
# Another profile for one process; none that is not there.
echo 'profile attacked-exec flags=(attach_disconnected) { file, signal, }' | apparmor_parser -Kr
estiba-oci exec -d --apparmor attacked-exec --pid-file /tmp/entered covered sleep 999
grep -qx 'attacked-exec (enforce)' /proc/$(cat /tmp/entered)/attr/current
if estiba-oci exec --apparmor no-such covered true 2>/tmp/err; then exit 1; fi
grep -q 'no-such.*No such file' /tmp/err
grep -q 'apparmor_parser -r' /tmp/err
estiba-oci delete --force covered

# A label of the other module is none of this one's, and is not ignored.
sed -e 's|"apparmorProfile": "attacked"|"selinuxLabel": "system_u:system_r:container_t:s0"|' good.json >config.json
refused selinux
grep -q 'process.selinuxLabel.*SELinux is not on here' /tmp/err || { cat /tmp/err; exit 1; }
# The audit knows that a profile could be had.
sed -e 's|"apparmorProfile": "attacked",||' good.json >config.json
estiba-oci audit --json >/tmp/out || true
grep -q '"severity":"medium","rule":"no-label"' /tmp/out || { cat /tmp/out; exit 1; }
untouched
