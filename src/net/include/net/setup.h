#pragma once
// One function per step of a bridged network, each complete in itself, so that a plan can list them and take them
// back from another process. They talk netlink; callers are single-threaded where a function enters a namespace.

#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
#include "os/fd.h"

namespace estiba::net {

// The `inet` table "estiba" with its chains, sets and maps, made in one transaction if it is missing or of another
// layout. Never touches tables of others and sets no policy but its own "accept".
Status EnsureTable();
// The table is gone afterwards, with every element in it.
Status DeleteTable();

struct BridgeSpec {
  std::string name;
  Ipv4 gateway;  // the bridge's own address
  Subnet subnet;
  unsigned mtu = 0;  // 0: the kernel's default
  bool masquerade = true;
};
// Bridge with its address, up; the table's elements for it (needs EnsureTable). Forwarding is another step
// (forwarding.h). Quick when it is all there. kConflict when `name` is a link of another kind.
Status EnsureBridge(const BridgeSpec& bridge);
// Succeeds when it is gone.
Status DeleteBridge(const BridgeSpec& bridge);
// True when there is a link of that name in this network namespace.
Result<bool> LinkExists(const std::string& name);

struct VethSpec {
  std::string bridge;
  std::string host_name;       // at most 15 bytes
  std::string container_name;  // "eth0"
  Mac mac;                     // of the container's end
  unsigned mtu = 0;            // 0: the kernel's default
};
// Makes the pair, our end up and on the bridge, the other end born in `netns` with its final name and address.
Status AddVeth(const VethSpec& veth, int netns);
// For roll-back only: a pair dies with the container's network namespace, and deleting a link waits for RCU (~20 ms).
// Succeeds when it is gone.
Status DeleteVeth(const std::string& host_name);

struct InsideSpec {
  std::string name;  // "eth0"
  InterfaceAddress address;
  std::optional<Ipv4> gateway;  // default route; none for an internal network
};
// In `netns`: lo up; the interface gets its address, comes up without IPv6, and the default route. Enters the
// namespace to open a socket and comes back; the process must have one thread.
Status ConfigureInside(int netns, const InsideSpec& inside);
// In `netns`: lo up and nothing else (--network none).
Status BringLoopbackUp(int netns);
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

// What the host's routing table already covers (subnets to avoid): every IPv4 route but the default one.
Result<std::vector<Subnet>> HostRoutes();
// The host's own IPv4 addresses.
Result<std::vector<InterfaceAddress>> HostAddresses();

}  // namespace estiba::net
