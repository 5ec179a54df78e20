# Lab 'lan' as commands: what these leave behind is what 'estiba lab up' makes.
set -e

# One network namespace for each node.
ip netns add lan-s1
ip netns add lan-pc1
ip netns add lan-pc2
ip netns add lan-pc3

# Settings of nodes: no IPv6 where it is not studied; routers forward.
ip netns exec lan-s1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec lan-s1 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec lan-pc1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec lan-pc1 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec lan-pc2 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec lan-pc2 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec lan-pc3 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec lan-pc3 sysctl -qw net.ipv6.conf.default.disable_ipv6=1

# A switch is a bridge.
ip -n lan-s1 link add name br0 type bridge

# A link is a pair of interfaces: what goes into one end comes out of the other.
ip -n lan-pc1 link add name eth0 address 02:d6:70:00:01:01 type veth peer name port1 address 02:d6:70:00:01:02 netns lan-s1
ip -n lan-pc2 link add name eth0 address 02:d6:70:00:02:01 type veth peer name port2 address 02:d6:70:00:02:02 netns lan-s1
ip -n lan-pc3 link add name eth0 address 02:d6:70:00:03:01 type veth peer name port3 address 02:d6:70:00:03:02 netns lan-s1

# What is plugged into a switch is a port of its bridge.
ip -n lan-s1 link set dev port1 master br0
ip -n lan-s1 link set dev port2 master br0
ip -n lan-s1 link set dev port3 master br0

# Addresses.
ip -n lan-pc1 addr add 10.0.0.1/24 brd + dev eth0
ip -n lan-pc2 addr add 10.0.0.2/24 brd + dev eth0
ip -n lan-pc3 addr add 10.0.0.3/24 brd + dev eth0

# Everything up, lo too.
ip -n lan-s1 link set dev lo up
ip -n lan-s1 link set dev br0 up
ip -n lan-pc1 link set dev lo up
ip -n lan-pc2 link set dev lo up
ip -n lan-pc3 link set dev lo up
ip -n lan-pc1 link set dev eth0 up
ip -n lan-s1 link set dev port1 up
ip -n lan-pc2 link set dev eth0 up
ip -n lan-s1 link set dev port2 up
ip -n lan-pc3 link set dev eth0 up
ip -n lan-s1 link set dev port3 up
