# Lab 'firewall' as commands: what these leave behind is what 'estiba lab up' makes.
set -e

# One network namespace for each node.
ip netns add firewall-pc
ip netns add firewall-web
ip netns add firewall-inet
ip netns add firewall-fw

# Settings of nodes: no IPv6 where it is not studied; routers forward.
ip netns exec firewall-pc sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec firewall-pc sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec firewall-web sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec firewall-web sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec firewall-inet sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec firewall-inet sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec firewall-fw sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec firewall-fw sysctl -qw net.ipv6.conf.default.disable_ipv6=1
ip netns exec firewall-fw sysctl -qw net.ipv4.ip_forward=1

# A link is a pair of interfaces: what goes into one end comes out of the other.
ip -n firewall-pc link add name eth0 address 02:39:fa:00:01:01 type veth peer name office address 02:39:fa:00:01:02 netns firewall-fw
ip -n firewall-web link add name eth0 address 02:39:fa:00:02:01 type veth peer name dmz address 02:39:fa:00:02:02 netns firewall-fw
ip -n firewall-inet link add name eth0 address 02:39:fa:00:03:01 type veth peer name wan address 02:39:fa:00:03:02 netns firewall-fw

# Addresses.
ip -n firewall-pc addr add 192.168.1.2/24 brd + dev eth0
ip -n firewall-fw addr add 192.168.1.1/24 brd + dev office
ip -n firewall-web addr add 192.168.2.2/24 brd + dev eth0
ip -n firewall-fw addr add 192.168.2.1/24 brd + dev dmz
ip -n firewall-inet addr add 203.0.113.1/24 brd + dev eth0
ip -n firewall-fw addr add 203.0.113.2/24 brd + dev wan

# Firewalls and translated addresses.
ip netns exec firewall-fw nft -f - <<'END'
add table inet lab
add chain inet lab input { type filter hook input priority filter; policy drop; }
add rule inet lab input ct state established,related accept
add rule inet lab input iifname "lo" accept
add rule inet lab input iifname "office" meta l4proto icmp accept
add chain inet lab forward { type filter hook forward priority filter; policy drop; }
add rule inet lab forward ct state established,related accept
add rule inet lab forward iifname "office" accept
add rule inet lab forward iifname "wan" oifname "dmz" ip daddr 192.168.2.2 tcp dport 80 accept
add chain inet lab prerouting { type nat hook prerouting priority dstnat; policy accept; }
add rule inet lab prerouting meta nfproto ipv4 iifname "wan" tcp dport 8080 dnat ip to 192.168.2.2:80
add chain inet lab postrouting { type nat hook postrouting priority srcnat; policy accept; }
add rule inet lab postrouting meta nfproto ipv4 oifname "wan" masquerade
END

# Everything up, lo too.
ip -n firewall-pc link set dev lo up
ip -n firewall-web link set dev lo up
ip -n firewall-inet link set dev lo up
ip -n firewall-fw link set dev lo up
ip -n firewall-pc link set dev eth0 up
ip -n firewall-fw link set dev office up
ip -n firewall-web link set dev eth0 up
ip -n firewall-fw link set dev dmz up
ip -n firewall-inet link set dev eth0 up
ip -n firewall-fw link set dev wan up

# Ways to networks further off.
ip -n firewall-pc route add default via 192.168.1.1
ip -n firewall-web route add default via 192.168.2.1
ip -n firewall-fw route add default via 203.0.113.1
