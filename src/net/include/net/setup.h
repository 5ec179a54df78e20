#pragma once
// One function per step of a bridged network, each complete in itself, so that a plan can list them and take them
// back from another process. They talk netlink; callers are single-threaded where a function enters a namespace.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "net/address.h"
#include "os/fd.h"

namespace estiba::net {

// The `inet` table "estiba" with its chains, sets and maps, made in one transaction if it is missing or of an earlier
// layout, whose elements stay; so does what is in the chain "administrator". Never touches tables of others and sets no
// policy but its own "accept". `repair`: looks also whether somebody took rules out of it, and makes them again.
Status EnsureTable(bool repair = false);
// The table is gone afterwards, with every element in it; where the administrator has rules, all of it but those.
Status DeleteTable();

// How what is outside reaches the containers of a network, and they it.
enum class GatewayMode : std::uint8_t {
  kNat = 0,             // by published ports; with the host's address
  kNatUnprotected = 1,  // by published ports, and by their own addresses at every port
  kRouted = 2,          // by their own addresses at published ports and by ICMP; nothing is translated
  kIsolated = 3,        // not at all, and the bridge has no address (internal networks)
};

struct BridgeSpec {
  std::string name;
  std::vector<IpPrefix> gateways;  // the bridge's own addresses; their networks are subnets of it
  unsigned mtu = 0;                // 0: the kernel's default
  bool masquerade = true;          // where the mode is one of NAT
  bool connects = true;            // its containers reach each other
  bool internal = false;           // neither in nor out, and of the host nothing but the gateways
  GatewayMode mode_ipv4 = GatewayMode::kNat;
  GatewayMode mode_ipv6 = GatewayMode::kNat;
  std::vector<IpPrefix> bare{};        // subnets in which the bridge has no address
  std::vector<std::string> trusted{};  // interfaces from which published ports are reached untranslated

  std::optional<Ip> source_ipv4{};  // what is masqueraded leaves with that one of the host's addresses
  std::optional<Ip> source_ipv6{};

  std::vector<IpPrefix> Subnets() const;
  Mac LinkMac() const;  // what it has when it is made
  bool Masquerades(bool v6) const;
};
// Bridge with its address, up; the table's elements for it (needs EnsureTable). Forwarding is another step
// (forwarding.h). Quick when it is all there. kConflict when `name` is a link of another kind.
Status EnsureBridge(const BridgeSpec& bridge);
// Succeeds when it is gone. One that EnsureBridge found and did not make stays.
Status DeleteBridge(const BridgeSpec& bridge);
// True when there is a link of that name in this network namespace.
Result<bool> LinkExists(const std::string& name);

struct VethSpec {
  std::string bridge;
  std::string host_name;       // at most 15 bytes
  std::string container_name;  // "eth0"
  Mac mac;                     // of the container's end
  unsigned mtu = 0;            // 0: the kernel's default
  bool isolated = false;       // no frame goes to or comes from other isolated ports of the bridge
};
// Makes the pair, our end up and on the bridge, the other end born in `netns` with its final name and address.
Status AddVeth(const VethSpec& veth, int netns);
// Succeeds when it is gone. Takes 10 to 20 ms, in which the kernel waits for its readers (RCU).
Status DeleteVeth(const std::string& host_name);
// The same, back within a millisecond or two, when it is gone. For a process that ends: a thread of it stays behind in
// the kernel, and a process with two may not enter namespaces.
Status DeleteVethAtEnd(const std::string& host_name);

struct InsideSpec {
  std::string name;  // "eth0"
  std::vector<IpPrefix> addresses;
  std::vector<Ip> gateways;  // default routes, at most one a family; none for an internal network
  // Settings below /proc/sys/net and their values, written before the interface is up.
  std::vector<std::pair<std::string, std::string>> sysctls{};
};
// In `netns`: lo up; the interface gets its addresses, comes up, without IPv6 when it has no such address, and the
// default routes. Enters the namespace to open a socket and comes back; the process must have one thread.
Status ConfigureInside(int netns, const InsideSpec& inside);
// In `netns`: lo up and nothing else (--network none).
Status BringLoopbackUp(int netns);
// In `netns`, of a container that runs: instead of the default route of that family, if there is one.
Status ReplaceDefaultRoute(int netns, const std::string& name, const Ip& gateway);

// What answers a container's resolver at 127.0.0.11, port 53: a datagram socket and a listening one.
struct NameSockets {
  os::UniqueFd udp;
  os::UniqueFd tcp;
};
// In `netns`, where lo is up. The sockets have ports that the kernel chose, and an nft table there, "estiba_names",
// leads port 53 to them: a program of the container's may have that port on every address.
Result<NameSockets> OpenNameSockets(int netns);
// Moves a link of the current namespace there, under `new_name` ("" keeps its name; "eth%d": the first free number);
// its permanent global addresses come along, and it is up.
Status MoveLink(const std::string& name, const std::string& new_name, int netns);

// What the host's routing table already covers (subnets to avoid): every route of both families but default
// and link-local ones.
Result<std::vector<IpPrefix>> HostRoutes();
// The host's own addresses.
Result<std::vector<IpPrefix>> HostAddresses();

}  // namespace estiba::net
