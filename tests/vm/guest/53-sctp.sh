# SCTP through a published port, from a machine on a LAN, by both families.
. /guest/functions
ip() { /bin/ip "$@"; }  # not the shell's own, which knows little
ip netns add lan
ip link add lan0 type veth peer name eth0 netns lan
ip addr add 192.0.2.1/24 dev lan0
ip addr add 2001:db8::1/64 dev lan0 nodad
ip link set lan0 up
in_lan() { ip netns exec lan "$@"; }
in_lan ip link set lo up
in_lan ip addr add 192.0.2.2/24 dev eth0
in_lan ip addr add 2001:db8::2/64 dev eth0 nodad
in_lan ip link set eth0 up

estiba network create --ipv6 both
must estiba run -d --name peer --network both -p 8090:90/sctp estiba/busybox sleep 1000
pid=$(estiba inspect -f '{{.State.Pid}}' peer)
nsenter -t $pid -n socat SCTP4-LISTEN:90,fork,reuseaddr SYSTEM:'echo from $SOCAT_PEERADDR' &
four=$!
nsenter -t $pid -n socat SCTP6-LISTEN:90,fork,reuseaddr,ipv6only SYSTEM:'echo six' &
six=$!
# Read only: SCTP knows no half-closed connections.
answers() { [ "$(in_lan socat -u -T 20 $1:8090 -)" = "$2" ]; }
wait_for answers SCTP4:192.0.2.1 "from 192.0.2.2"
wait_for answers SCTP6:[2001:db8::1] six
estiba port peer | grep -q '90/sctp -> 0.0.0.0:8090'
kill $four $six
must estiba rm -f peer
estiba network rm both
ip link del lan0
