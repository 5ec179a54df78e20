# Lab 'routed' as commands: what these leave behind is what 'estiba lab up' makes.
set -e

# One network namespace for each node.
ip netns add routed-r1
ip netns add routed-r2
ip netns add routed-r3
ip netns add routed-red
ip netns add routed-red1
ip netns add routed-red2
ip netns add routed-green
ip netns add routed-green1
ip netns add routed-blue
ip netns add routed-blue1

# Settings of nodes: no IPv6 where it is not studied; routers forward.
ip netns exec routed-r1 sysctl -qw net.ipv4.ip_forward=1
ip netns exec routed-r1 sysctl -qw net.ipv6.conf.all.forwarding=1
ip netns exec routed-r2 sysctl -qw net.ipv4.ip_forward=1
ip netns exec routed-r2 sysctl -qw net.ipv6.conf.all.forwarding=1
ip netns exec routed-r3 sysctl -qw net.ipv4.ip_forward=1
ip netns exec routed-r3 sysctl -qw net.ipv6.conf.all.forwarding=1
ip netns exec routed-red sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec routed-red sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec routed-green sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec routed-green sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec routed-blue sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec routed-blue sysctl -qw net.ipv6.conf.default.disable_ipv6=1

# A switch is a bridge.
ip -n routed-red link add name br0 type bridge
ip -n routed-green link add name br0 type bridge
ip -n routed-blue link add name br0 type bridge

# A link is a pair of interfaces: what goes into one end comes out of the other.
ip -n routed-r1 link add name lan address 02:37:15:00:01:01 type veth peer name port1 address 02:37:15:00:01:02 netns routed-red
ip -n routed-red1 link add name eth0 address 02:37:15:00:02:01 type veth peer name port2 address 02:37:15:00:02:02 netns routed-red
ip -n routed-red2 link add name eth0 address 02:37:15:00:03:01 type veth peer name port3 address 02:37:15:00:03:02 netns routed-red
ip -n routed-r2 link add name lan address 02:37:15:00:04:01 type veth peer name port1 address 02:37:15:00:04:02 netns routed-green
ip -n routed-green1 link add name eth0 address 02:37:15:00:05:01 type veth peer name port2 address 02:37:15:00:05:02 netns routed-green
ip -n routed-r3 link add name lan address 02:37:15:00:06:01 type veth peer name port1 address 02:37:15:00:06:02 netns routed-blue
ip -n routed-blue1 link add name eth0 address 02:37:15:00:07:01 type veth peer name port2 address 02:37:15:00:07:02 netns routed-blue
ip -n routed-r1 link add name to-r2 address 02:37:15:00:08:01 type veth peer name to-r1 address 02:37:15:00:08:02 netns routed-r2
ip -n routed-r1 link add name to-r3 address 02:37:15:00:09:01 type veth peer name to-r1 address 02:37:15:00:09:02 netns routed-r3
ip -n routed-r2 link add name to-r3 address 02:37:15:00:0a:01 type veth peer name to-r2 address 02:37:15:00:0a:02 netns routed-r3

# What is plugged into a switch is a port of its bridge.
ip -n routed-red link set dev port1 master br0
ip -n routed-red link set dev port2 master br0
ip -n routed-red link set dev port3 master br0
ip -n routed-green link set dev port1 master br0
ip -n routed-green link set dev port2 master br0
ip -n routed-blue link set dev port1 master br0
ip -n routed-blue link set dev port2 master br0

# Addresses.
ip -n routed-r1 addr add 10.0.1.1/24 brd + dev lan
ip -n routed-r1 -6 addr add fd00:1::1/64 dev lan nodad
ip -n routed-red1 addr add 10.0.1.10/24 brd + dev eth0
ip -n routed-red1 -6 addr add fd00:1::10/64 dev eth0 nodad
ip -n routed-red2 addr add 10.0.1.11/24 brd + dev eth0
ip -n routed-red2 -6 addr add fd00:1::11/64 dev eth0 nodad
ip -n routed-r2 addr add 10.0.2.1/24 brd + dev lan
ip -n routed-r2 -6 addr add fd00:2::1/64 dev lan nodad
ip -n routed-green1 addr add 10.0.2.10/24 brd + dev eth0
ip -n routed-green1 -6 addr add fd00:2::10/64 dev eth0 nodad
ip -n routed-r3 addr add 10.0.3.1/24 brd + dev lan
ip -n routed-r3 -6 addr add fd00:3::1/64 dev lan nodad
ip -n routed-blue1 addr add 10.0.3.10/24 brd + dev eth0
ip -n routed-blue1 -6 addr add fd00:3::10/64 dev eth0 nodad
ip -n routed-r1 addr add 10.1.12.1/30 brd + dev to-r2
ip -n routed-r1 -6 addr add fd00:12::1/64 dev to-r2 nodad
ip -n routed-r2 addr add 10.1.12.2/30 brd + dev to-r1
ip -n routed-r2 -6 addr add fd00:12::2/64 dev to-r1 nodad
ip -n routed-r1 addr add 10.1.13.1/30 brd + dev to-r3
ip -n routed-r1 -6 addr add fd00:13::1/64 dev to-r3 nodad
ip -n routed-r3 addr add 10.1.13.2/30 brd + dev to-r1
ip -n routed-r3 -6 addr add fd00:13::2/64 dev to-r1 nodad
ip -n routed-r2 addr add 10.1.23.1/30 brd + dev to-r3
ip -n routed-r2 -6 addr add fd00:23::1/64 dev to-r3 nodad
ip -n routed-r3 addr add 10.1.23.2/30 brd + dev to-r2
ip -n routed-r3 -6 addr add fd00:23::2/64 dev to-r2 nodad

# Slow links: each end sends no faster, or later.
tc -n routed-r2 qdisc add dev to-r3 root tbf rate 2000000bit burst 3036 limit 15536
tc -n routed-r3 qdisc add dev to-r2 root tbf rate 2000000bit burst 3036 limit 15536

# Everything up, lo too.
ip -n routed-r1 link set dev lo up
ip -n routed-r2 link set dev lo up
ip -n routed-r3 link set dev lo up
ip -n routed-red link set dev lo up
ip -n routed-red link set dev br0 up
ip -n routed-red1 link set dev lo up
ip -n routed-red2 link set dev lo up
ip -n routed-green link set dev lo up
ip -n routed-green link set dev br0 up
ip -n routed-green1 link set dev lo up
ip -n routed-blue link set dev lo up
ip -n routed-blue link set dev br0 up
ip -n routed-blue1 link set dev lo up
ip -n routed-r1 link set dev lan up
ip -n routed-red link set dev port1 up
ip -n routed-red1 link set dev eth0 up
ip -n routed-red link set dev port2 up
ip -n routed-red2 link set dev eth0 up
ip -n routed-red link set dev port3 up
ip -n routed-r2 link set dev lan up
ip -n routed-green link set dev port1 up
ip -n routed-green1 link set dev eth0 up
ip -n routed-green link set dev port2 up
ip -n routed-r3 link set dev lan up
ip -n routed-blue link set dev port1 up
ip -n routed-blue1 link set dev eth0 up
ip -n routed-blue link set dev port2 up
ip -n routed-r1 link set dev to-r2 up
ip -n routed-r2 link set dev to-r1 up
ip -n routed-r1 link set dev to-r3 up
ip -n routed-r3 link set dev to-r1 up
ip -n routed-r2 link set dev to-r3 up
ip -n routed-r3 link set dev to-r2 up

# Ways to networks further off.
ip -n routed-r1 route add 10.0.2.0/24 via 10.1.12.2
ip -n routed-r1 route add 10.0.3.0/24 via 10.1.13.2
ip -n routed-r1 -6 route add fd00:2::/64 via fd00:12::2
ip -n routed-r1 -6 route add fd00:3::/64 via fd00:13::2
ip -n routed-r2 route add 10.0.1.0/24 via 10.1.12.1
ip -n routed-r2 route add 10.0.3.0/24 via 10.1.23.2
ip -n routed-r2 -6 route add fd00:1::/64 via fd00:12::1
ip -n routed-r2 -6 route add fd00:3::/64 via fd00:23::2
ip -n routed-r3 route add 10.0.1.0/24 via 10.1.13.1
ip -n routed-r3 route add 10.0.2.0/24 via 10.1.23.1
ip -n routed-r3 -6 route add fd00:1::/64 via fd00:13::1
ip -n routed-r3 -6 route add fd00:2::/64 via fd00:23::1
ip -n routed-red1 route add default via 10.0.1.1
ip -n routed-red1 -6 route add default via fd00:1::1
ip -n routed-red2 route add default via 10.0.1.1
ip -n routed-red2 -6 route add default via fd00:1::1
ip -n routed-green1 route add default via 10.0.2.1
ip -n routed-green1 -6 route add default via fd00:2::1
ip -n routed-blue1 route add default via 10.0.3.1
ip -n routed-blue1 -6 route add default via fd00:3::1
