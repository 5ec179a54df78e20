# Every resource field of the specification that cgroup v2 has, as the kernel shows it: what the configuration says, in
# the words of v1 or as files of v2, and what an update makes of it.
. /guest/functions
make_bundle /tmp/resources <<'SCRIPT'
sleep 1000
SCRIPT
cp config.json plain.json
group=/sys/fs/cgroup/fields/one

# with JSON: a container with these resources.
with() {
  sed -e "s|\"linux\": {|\"linux\": { \"cgroupsPath\": \"/fields/one\", \"resources\": $1,|" \
    -e '/^    "resources": {$/,/^    },$/d' plain.json >config.json
  must estiba-oci run -d one
}
gone() {
  must estiba-oci delete --force one
  [ ! -e $group ]
}
# has FILE LINE: the file has that line.
has() { grep -qx -e "$2" $group/$1 || { echo "$1: wanted '$2', is:"; cat $group/$1; return 1; }; }

with '{"cpu": {"shares": 2048, "quota": 30000, "period": 60000, "burst": 10000, "cpus": "0", "mems": "0"}}'
has cpu.weight '[0-9]*'
[ $(cat $group/cpu.weight) -gt 50 ]
has cpu.max '30000 60000'
has cpu.max.burst 10000
has cpuset.cpus 0
has cpuset.mems 0
gone
with '{"cpu": {"idle": 1}}'
has cpu.idle 1
gone

with '{"memory": {"limit": 67108864, "reservation": 33554432, "swap": 100663296}}'
has memory.max 67108864
has memory.low 33554432
if [ -e $group/memory.swap.max ]; then has memory.swap.max 33554432; fi
must estiba-oci update --memory 96M --memory-swap -1 --memory-reservation 16M one
has memory.max 100663296
has memory.low 16777216
if [ -e $group/memory.swap.max ]; then has memory.swap.max max; fi
gone
with '{"memory": {"limit": -1, "checkBeforeUpdate": true}, "pids": {"limit": -1}}'
has memory.max max
has pids.max max
must estiba-oci update --pids-limit 7 one
has pids.max 7
gone

number=$(cat /sys/block/loop0/dev)
device="\"major\": ${number%:*}, \"minor\": ${number#*:}"
with "{\"blockIO\": {\"throttleReadBpsDevice\": [{$device, \"rate\": 1048576}], \"throttleWriteIOPSDevice\": [{$device, \"rate\": 50}]}}"
has io.max "$number rbps=1048576 wbps=max riops=max wiops=50"
gone
if grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers; then
  with '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
  has hugetlb.2MB.max 4194304
  if [ -e $group/hugetlb.2MB.rsvd.max ]; then has hugetlb.2MB.rsvd.max 4194304; fi
  gone
fi

with '{"unified": {"memory.high": "50331648", "memory.min": "1048576", "pids.max": "9", "cpu.weight": "77"}}'
has memory.high 50331648
has memory.min 1048576
has pids.max 9
has cpu.weight 77
gone

sed -e 's|"linux": {|"linux": { "resources": {"unified": {"memory.nothing": "1"}},|' \
  -e '/^    "resources": {$/,/^    },$/d' plain.json >config.json
refused 'memory.nothing' estiba-oci run one
sed -e 's|"linux": {|"linux": { "resources": {"unified": {"../memory.max": "1"}},|' \
  -e '/^    "resources": {$/,/^    },$/d' plain.json >config.json
refused 'unified' estiba-oci run one
sed -e 's|"linux": {|"linux": { "resources": {"memory": {"swappiness": 5}},|' \
  -e '/^    "resources": {$/,/^    },$/d' plain.json >config.json
refused 'swappiness: cgroup v2 has no such setting' estiba-oci run one
