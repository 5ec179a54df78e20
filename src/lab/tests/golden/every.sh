# Lab 'every' as commands: what these leave behind is what 'estiba lab up' makes.
set -e

# One network namespace for each node.
ip netns add every-r1
ip netns add every-r2
ip netns add every-s1
ip netns add every-s2
ip netns add every-pc

# Settings of nodes: no IPv6 where it is not studied; routers forward.
ip netns exec every-r1 sysctl -qw net.ipv4.ip_forward=1
ip netns exec every-r1 sysctl -qw net.ipv6.conf.all.forwarding=1
ip netns exec every-r2 sysctl -qw net.ipv4.ip_forward=1
ip netns exec every-r2 sysctl -qw net.ipv6.conf.all.forwarding=1
ip netns exec every-s1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec every-s1 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec every-s2 sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec every-s2 sysctl -qw net.ipv6.conf.default.disable_ipv6=1

# A switch is a bridge.
ip -n every-s1 link add name br0 type bridge stp_state 1 forward_delay 200
ip -n every-s2 link add name br0 type bridge stp_state 1 forward_delay 200

# A link is a pair of interfaces: what goes into one end comes out of the other.
ip -n every-r1 link add name lan address 02:fe:4a:00:01:01 mtu 1400 type veth peer name up address 02:fe:4a:00:01:02 mtu 1400 netns every-r2
ip -n every-r1 link add name up address 02:00:00:00:00:01 type veth peer name eth1 address 02:00:00:00:00:02 netns every-r2
ip -n every-s1 link add name port1 address 02:fe:4a:00:03:01 type veth peer name port1 address 02:fe:4a:00:03:02 netns every-s2
ip -n every-s1 link add name port2 address 02:fe:4a:00:04:01 mtu 9000 type veth peer name port2 address 02:fe:4a:00:04:02 mtu 9000 netns every-s2
ip -n every-pc link add name eth0 address 02:fe:4a:00:05:01 type veth peer name last address 02:fe:4a:00:05:02 netns every-s2

# What is plugged into a switch is a port of its bridge.
ip -n every-s1 link set dev port1 master br0
ip -n every-s2 link set dev port1 master br0
ip -n every-s1 link set dev port2 master br0
ip -n every-s2 link set dev port2 master br0
ip -n every-s2 link set dev last master br0

# Addresses.
ip -n every-r1 addr add 10.7.0.1/20 brd + dev lan
ip -n every-r1 -6 addr add fd07::1/64 dev lan nodad
ip -n every-r2 addr add 10.7.0.2/20 brd + dev up
ip -n every-r2 -6 addr add fd07::2/64 dev up nodad
ip -n every-r1 addr add 10.6.0.1/31 dev up
ip -n every-r2 addr add 10.6.0.0/31 dev eth1
ip -n every-pc addr add 10.5.0.1/8 brd + dev eth0

# Slow links: each end sends no faster, or later.
tc -n every-r1 qdisc add dev lan root tbf rate 20000000bit burst 25000 limit 150000

# Links that lose packets: each end drops some of what arrives.
ip netns exec every-r1 nft -f - <<'END'
add table netdev lab
add chain netdev lab loss1 { type filter hook ingress device "lan" priority filter; policy accept; }
add rule netdev lab loss1 numgen random mod 10000 < 25 drop
END

# Slow links: each end sends no faster, or later.
tc -n every-r2 qdisc add dev up root tbf rate 20000000bit burst 25000 limit 150000

# Links that lose packets: each end drops some of what arrives.
ip netns exec every-r2 nft -f - <<'END'
add table netdev lab
add chain netdev lab loss1 { type filter hook ingress device "up" priority filter; policy accept; }
add rule netdev lab loss1 numgen random mod 10000 < 25 drop
END
ip netns exec every-r1 nft -f - <<'END'
add table netdev lab
add chain netdev lab loss2 { type filter hook ingress device "up" priority filter; policy accept; }
add rule netdev lab loss2 numgen random mod 10000 < 5000 drop
END
ip netns exec every-r2 nft -f - <<'END'
add table netdev lab
add chain netdev lab loss2 { type filter hook ingress device "eth1" priority filter; policy accept; }
add rule netdev lab loss2 numgen random mod 10000 < 5000 drop
END

# Slow links: each end sends no faster, or later.
tc -n every-s1 qdisc add dev port1 root tbf rate 64000bit burst 3036 limit 3436
tc -n every-s2 qdisc add dev port1 root tbf rate 64000bit burst 3036 limit 3436
tc -n every-s1 qdisc add dev port2 root tbf rate 64000bit burst 18036 limit 18436
tc -n every-s2 qdisc add dev port2 root tbf rate 64000bit burst 18036 limit 18436
tc -n every-pc qdisc add dev eth0 root tbf rate 40000000000bit burst 50000000 limit 268435456
tc -n every-s2 qdisc add dev last root tbf rate 40000000000bit burst 50000000 limit 268435456

# Firewalls and translated addresses.
ip netns exec every-r1 nft -f - <<'END'
add table inet lab
add chain inet lab input { type filter hook input priority filter; policy drop; }
add rule inet lab input ct state established,related accept
add rule inet lab input iifname "lo" accept
add rule inet lab input ip saddr 10.7.0.0/20 ip daddr 10.7.0.1 tcp dport 22 accept
add rule inet lab input ip6 saddr fd07::/64 meta l4proto ipv6-icmp accept
add rule inet lab input meta l4proto icmp drop
add rule inet lab input udp dport 53 accept
add rule inet lab input ip saddr 10.7.0.9 meta l4proto icmp accept
add chain inet lab forward { type filter hook forward priority filter; policy accept; }
add rule inet lab forward iifname "up" oifname "lan" ct state established,related accept
add rule inet lab forward ip6 daddr fd00::/12 meta l4proto udp drop
add rule inet lab forward meta l4proto tcp drop
add rule inet lab forward ip saddr 10.128.0.0/9 accept
add chain inet lab output { type filter hook output priority filter; policy accept; }
add rule inet lab output oifname "lan" ip daddr 192.0.2.0/24 drop
add chain inet lab prerouting { type nat hook prerouting priority dstnat; policy accept; }
add rule inet lab prerouting meta nfproto ipv4 iifname "up" tcp dport 8080 dnat ip to 10.7.0.2:80
add rule inet lab prerouting meta nfproto ipv6 iifname "up" udp dport 53 dnat ip6 to [fd07::2]:53
add chain inet lab postrouting { type nat hook postrouting priority srcnat; policy accept; }
add rule inet lab postrouting meta nfproto ipv4 oifname "up" masquerade
END

# Everything up, lo too.
ip -n every-r1 link set dev lo up
ip -n every-r2 link set dev lo up
ip -n every-s1 link set dev lo up
ip -n every-s1 link set dev br0 up
ip -n every-s2 link set dev lo up
ip -n every-s2 link set dev br0 up
ip -n every-pc link set dev lo up
ip -n every-r1 link set dev lan up
ip -n every-r2 link set dev up up
ip -n every-r1 link set dev up up
ip -n every-r2 link set dev eth1 up
ip -n every-s1 link set dev port1 up
ip -n every-s2 link set dev port1 up
ip -n every-s1 link set dev port2 up
ip -n every-s2 link set dev port2 up
ip -n every-pc link set dev eth0 up
ip -n every-s2 link set dev last up

# Settings of nodes: no IPv6 where it is not studied; routers forward.
ip netns exec every-r1 sysctl -qw net.ipv4.conf.all.rp_filter=1

# Ways to networks further off.
ip -n every-r1 route add 10.8.0.0/16 via 10.7.0.2
ip -n every-r1 -6 route add default via fd07::2
ip -n every-r2 route add 10.9.0.0/16 via 10.7.0.1

# Commands of the file.
ip netns exec every-r2 sh -c 'ip addr add 10.99.0.1/32 dev lo'
