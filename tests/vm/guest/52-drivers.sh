# ipvlan in its modes, VLANs (802.1q), dummies and VRFs, each with traffic from and to a machine on a LAN.
. /guest/functions
ip() { /bin/ip "$@"; }  # not the shell's own, which knows little
ip netns add lan
ip link add lan0 type veth peer name eth0 netns lan
ip link set lan0 up
in_lan() { ip netns exec lan "$@"; }
in_lan ip link set lo up
in_lan ip addr add 192.0.2.1/24 dev eth0
in_lan ip link set eth0 up
in_lan nc -ll -p 81 -e echo lan &
listener=$!

# serve NAME NETWORK ADDRESS: a container that answers "from NAME".
serve() { must estiba run -d --name $1 --network $2 --ip $3 estiba/busybox nc -ll -p 80 -e echo from $1; }
answers() { [ "$(in_lan nc -w 5 $1 80 </dev/null)" = "from $2" ]; }
hears_lan() { [ "$(estiba exec $1 nc -w 5 $2 81 </dev/null)" = lan ]; }
hears() { [ "$(estiba exec $1 nc -w 5 $2 80 </dev/null)" = "from $3" ]; }
gone() { ! ip link show $1 >/dev/null 2>&1; }

echo "ipvlan l2"
must estiba network create -d ipvlan -o parent=lan0 --subnet 192.0.2.0/24 --gateway 192.0.2.1 two
serve a two 192.0.2.77
serve b two 192.0.2.78
wait_for answers 192.0.2.77 a
wait_for hears_lan a 192.0.2.1
wait_for hears b 192.0.2.77 a
must estiba restart -t 0 a
wait_for answers 192.0.2.77 a
nsenter -t $(estiba inspect -f '{{.State.Pid}}' a) -n /bin/ip -d link show eth0 | grep -q 'ipvlan *mode l2 bridge'
must estiba rm -f a b
must estiba network rm two

echo "ipvlan l2, private"
must estiba network create -d ipvlan -o parent=lan0 -o ipvlan_flag=private --subnet 192.0.2.0/24 --gateway 192.0.2.1 two
serve a two 192.0.2.77
serve b two 192.0.2.78
wait_for answers 192.0.2.77 a
if hears b 192.0.2.77 a; then echo "private, and yet reached"; exit 1; fi
must estiba rm -f a b
must estiba network rm two

# Routed by the host's namespace: the LAN asks the host's address for them.
ip addr add 192.0.2.254/24 dev lan0
in_lan ip route add 198.51.100.0/24 via 192.0.2.254
for mode in l3 l3s; do
  echo "ipvlan $mode"
  must estiba network create -d ipvlan -o parent=lan0 -o ipvlan_mode=$mode --subnet 198.51.100.0/24 three
  serve a three 198.51.100.7
  serve b three 198.51.100.8
  wait_for answers 198.51.100.7 a
  wait_for hears_lan a 192.0.2.1
  wait_for hears b 198.51.100.7 a
  estiba exec a ip route | grep -q '^default dev eth0'
  must estiba rm -f a b
  must estiba network rm three
done

echo "VLAN 10, made and taken away with its last network"
in_lan ip link add link eth0 name eth0.10 type vlan id 10
in_lan ip addr add 203.0.113.1/24 dev eth0.10
in_lan ip link set eth0.10 up
must estiba network create -d macvlan -o parent=lan0.10 --subnet 203.0.113.0/25 --gateway 203.0.113.1 ten
must estiba network create -d macvlan -o parent=lan0.10 --subnet 203.0.113.128/25 more
ip -d link show lan0.10 | grep -q 'vlan protocol 802.1Q id 10'
serve a ten 203.0.113.7
wait_for answers 203.0.113.7 a
wait_for hears_lan a 203.0.113.1
must estiba rm -f a
must estiba network rm ten
ip link show lan0.10 >/dev/null
must estiba network rm more
gone lan0.10

echo "a VLAN of the administrator's is used and left"
ip link add link lan0 name lan0.10 type vlan id 10
ip link set lan0.10 up
must estiba network create -d ipvlan -o parent=lan0.10 --subnet 203.0.113.0/24 --gateway 203.0.113.1 ten
serve a ten 203.0.113.7
wait_for answers 203.0.113.7 a
must estiba rm -f a
must estiba network rm ten
ip link show lan0.10 >/dev/null
ip link del lan0.10

echo "without a parent: a dummy, and nobody but each other"
must estiba network create -d macvlan --subnet 203.0.113.0/24 alone
id=$(estiba network inspect -f '{{.Id}}' alone)
ip -d link show dm-$(echo $id | cut -c 1-12) | grep -q dummy
serve a alone 203.0.113.7
serve b alone 203.0.113.8
wait_for hears b 203.0.113.7 a
[ -z "$(estiba exec a ip route | grep default)" ]
must estiba rm -f a b
must estiba network rm alone
gone dm-$(echo $id | cut -c 1-12)

echo "a parent and a bridge in a VRF"
ip link add red type vrf table 10
ip link set red up
ip link set lan0 master red
must estiba network create -d macvlan -o parent=lan0 --subnet 192.0.2.0/24 --gateway 192.0.2.1 flat
serve a flat 192.0.2.77
wait_for answers 192.0.2.77 a
must estiba rm -f a
must estiba network rm flat
must estiba network create -o com.docker.network.bridge.name=red0 --subnet 198.51.100.0/24 blue
must estiba run -d --name a --network blue estiba/busybox sleep 1000
ip link set red0 master red
wait_for hears_lan a 192.0.2.1
must estiba rm -f a
must estiba network rm blue
ip link del red

kill $listener
ip link del lan0
ip netns del lan
