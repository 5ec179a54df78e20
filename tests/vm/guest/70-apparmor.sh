# estiba-oci where AppArmor is on: the profile of the configuration confines the program and every exec, and one that
# nobody loaded is an error.
[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ]
cat >/tmp/profile <<'END'
profile estiba-test flags=(attach_disconnected) {
  file,
  signal,
  deny /secret r,
}
END
apparmor_parser -K -r /tmp/profile

bundle=/tmp/confined
mkdir -p $bundle/rootfs/bin $bundle/rootfs/proc $bundle/rootfs/dev $bundle/rootfs/sys
cp /bin/busybox $bundle/rootfs/bin/
for name in sh sleep cat; do ln -s busybox $bundle/rootfs/bin/$name; done
echo hidden >$bundle/rootfs/secret
cd $bundle
estiba-oci spec
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"sleep", "1000"/' config.json
sed -i -e 's|"process": {|"process": { "apparmorProfile": "estiba-test",|' config.json
estiba-oci run -d confined >/dev/null 2>&1
pid=$(estiba-oci state confined | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
grep -q '^estiba-test (enforce)' /proc/$pid/attr/current
estiba-oci exec confined cat /proc/self/attr/current | grep -q '^estiba-test (enforce)'
if estiba-oci exec confined cat /secret 2>/tmp/denied; then exit 1; fi
grep -q 'Permission denied' /tmp/denied
estiba-oci delete --force confined

sed -i 's/estiba-test/no-such-profile/' config.json
if estiba-oci run other >/dev/null 2>/tmp/error; then exit 1; fi
grep -q 'no-such-profile' /tmp/error
if estiba-oci state other >/dev/null 2>&1; then exit 1; fi
