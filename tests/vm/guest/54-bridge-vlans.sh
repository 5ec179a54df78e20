# Bridges with VLANs and in a VRF (podman's options vlan and vrf), with traffic: this needs a kernel that has both.
. /guest/functions
ip() { /bin/ip "$@"; }  # not the shell's own, which knows little
serve() { must estiba run -d --name $1 --network $2 --ip $3 estiba/busybox nc -ll -p 80 -e echo from $1; }
hears() { [ "$(estiba exec $1 nc -w 5 $2 80 </dev/null)" = "from $3" ]; }
member() { ip -d link show $1 | grep -q "$2"; }
inside() { ip netns exec tagged "$@"; }

echo "vlan: containers are in it, and so is the gateway"
must estiba network create -o vlan=20 -o com.docker.network.bridge.name=vl0 --subnet 198.51.100.0/24 blue
member vl0 'vlan_filtering 1'
serve a blue 198.51.100.7
serve b blue 198.51.100.8
wait_for hears b 198.51.100.7 a
wait_for estiba exec a ping -c 1 -w 5 198.51.100.1

echo "a trunk on the same bridge carries them tagged, and nothing of other VLANs"
ip netns add tagged
ip link add trunk type veth peer name eth0 netns tagged
ip link set trunk master vl0 up
inside ip link set eth0 up
inside ip link add link eth0 name eth0.20 type vlan id 20
inside ip link add link eth0 name eth0.30 type vlan id 30
inside ip addr add 198.51.100.50/24 dev eth0.20
inside ip link set eth0.20 up
bridge vlan add dev trunk vid 20
wait_for inside ping -c 1 -w 5 198.51.100.7
inside ip addr del 198.51.100.50/24 dev eth0.20
inside ip addr add 198.51.100.50/24 dev eth0.30
inside ip link set eth0.30 up
bridge vlan add dev trunk vid 30
if inside ping -c 1 -w 2 198.51.100.7 >/dev/null; then echo "reached from another VLAN"; exit 1; fi
ip netns del tagged
must estiba restart -t 0 a
wait_for hears b 198.51.100.7 a
must estiba rm -f a b
must estiba network rm blue
if ip link show vl0 >/dev/null 2>&1; then echo "the bridge stays"; exit 1; fi

echo "two VLANs of a bridge of the administrator's, which stays as it is"
ip link add br0 type bridge vlan_filtering 1
ip link set br0 up
bridge vlan show dev br0 >/tmp/before
must estiba network create -o mode=unmanaged -o vlan=10 -o com.docker.network.bridge.name=br0 \
  --subnet 192.0.2.0/24 net10
must estiba network create -o mode=unmanaged -o vlan=11 -o com.docker.network.bridge.name=br0 \
  --subnet 203.0.113.0/24 net11
serve a net10 192.0.2.7
serve b net10 192.0.2.8
wait_for hears b 192.0.2.7 a
port=$(ip -o link show master br0 | head -n 1 | sed 's/^[0-9]*: \([^@:]*\).*/\1/')
bridge vlan show dev $port | grep -q '10 PVID Egress Untagged'
if bridge vlan show dev $port | grep -qw 1; then echo "in the bridge's own VLAN, too"; exit 1; fi
must estiba run -d --name c --network net11 --ip 203.0.113.7 --cap-add NET_ADMIN estiba/busybox sleep 1000
must estiba exec c ip addr add 192.0.2.9/24 dev eth0
if hears c 192.0.2.7 a; then echo "reached from another VLAN"; exit 1; fi
must estiba rm -f a b c
must estiba network rm net10 net11
bridge vlan show dev br0 | cmp - /tmp/before
ip link del br0

echo "vrf: the bridge is in it, and what is in it reaches the containers and they it"
ip link add red type vrf table 10
ip link set red up
ip netns add red-lan
ip link add red0 type veth peer name eth0 netns red-lan
ip link set red0 master red up
ip addr add 192.0.2.254/24 dev red0
ip netns exec red-lan ip addr add 192.0.2.1/24 dev eth0
ip netns exec red-lan ip link set eth0 up
ip netns exec red-lan nc -ll -p 80 -e echo from lan &
listener=$!
must estiba network create -o vrf=red -o com.docker.network.bridge.name=vr0 --subnet 198.51.100.0/24 \
  --ipv6 --subnet fd00:77::/64 blue
serve a blue 198.51.100.7
member vr0 'master red'
ip route show table 10 | grep -q '198.51.100.0/24 dev vr0'
ip -6 addr show dev vr0 | grep -q fd00:77::1
wait_for hears a 192.0.2.1 lan
must estiba rm -f a
must estiba network rm blue
kill $listener
ip link del red0
ip netns del red-lan
ip link del red
refused "there is no VRF 'red'" estiba network create -o vrf=red blue
