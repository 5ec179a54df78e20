#pragma once
// Links, addresses, routes and queues in any network namespace, one message of a kind each: what a topology of several
// namespaces is made of. `socket` is an rtnetlink socket of the namespace that is changed (rtnetlink(7)).

#include <cstdint>
#include <optional>
#include <string>

#include "net/address.h"
#include "base/ip.h"
#include "os/netlink.h"

namespace estiba::net {

// An rtnetlink or nf_tables socket (NETLINK_ROUTE, NETLINK_NETFILTER) of the namespace. The process must have one
// thread.
Result<os::NetlinkSocket> OpenSocketIn(int netns, int protocol);

// A bridge without addresses, down. `forward_delay`: with STP, in centiseconds.
Status AddBridge(os::NetlinkSocket& socket, const std::string& name, std::optional<unsigned> forward_delay);

struct PairSpec {
  std::string name;
  Mac mac;
  std::string peer;
  Mac peer_mac;
  unsigned mtu = 0;  // of both; 0: the kernel's default
};
// A veth(4) pair, down: `name` in the socket's namespace, `peer` in `peer_netns`. EEXIST when a name is taken.
Status AddPair(os::NetlinkSocket& socket, const PairSpec& pair, int peer_netns);
// The link becomes a port of the bridge.
Status SetMaster(os::NetlinkSocket& socket, const std::string& link, const std::string& bridge);
Status BringUp(os::NetlinkSocket& socket, const std::string& link);
// Has the states of a link that went up, and of the bridge it is a port of, seen by all at once: the kernel may put
// that off for a second, in which packets are lost (since 6.8; older kernels take their time).
Status SettleLink(os::NetlinkSocket& socket, const std::string& link);
// IPv4 with the broadcast address of its network, IPv6 without a search for duplicates.
Status AddInterfaceAddress(os::NetlinkSocket& socket, const std::string& link, const IpPrefix& address);
// A route by way of a neighbour, into the main table.
Status AddGatewayRoute(os::NetlinkSocket& socket, const IpPrefix& to, const Ip& via);
// Succeeds when there is no such link; kConflict when it is no veth pair.
Status DeletePair(os::NetlinkSocket& socket, const std::string& name);
Result<bool> HasLink(os::NetlinkSocket& socket, const std::string& name);
Result<int> LinkIndex(os::NetlinkSocket& socket, const std::string& name);

// tc-tbf(8) at the link's root: `rate` in bits a second, `burst` and `limit` in bytes. kNotImplemented when the kernel
// has no such queue.
Status AddTokenBucket(os::NetlinkSocket& socket, const std::string& link, std::uint64_t rate, std::uint32_t burst,
                      std::uint32_t limit);
struct Delay {
  std::uint32_t delay_us = 0;
  std::uint32_t jitter_us = 0;
  std::uint64_t rate = 0;  // bits a second, 0 for none
};
// tc-netem(8) at the link's root. kNotImplemented when the kernel has none (CONFIG_NET_SCH_NETEM).
Status AddDelay(os::NetlinkSocket& socket, const std::string& link, const Delay& delay);

// Writes a setting of the namespace: "net.ipv4.ip_forward". The process must have one thread.
Status SetSysctlIn(int netns, const std::string& key, const std::string& value);

}  // namespace estiba::net
