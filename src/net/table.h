#pragma once
// The layout of the nft table and the keys of its maps. Other programs of ours may have made the table, so names and
// key forms are a seam: a change needs a new kLayout.

#include <string>
#include <vector>

#include "net/ports.h"
#include "net/setup.h"
#include "os/nft.h"

namespace estiba::net {

inline constexpr char kTable[] = "estiba";
inline constexpr char kLayout[] = "layout_1";             // an empty chain that marks this layout
inline constexpr char kBridges[] = "bridges";             // ifname: our bridges
inline constexpr char kSameBridge[] = "same_bridge";      // ifname . ifname: each bridge with itself
inline constexpr char kSubnets[] = "subnets";             // ipv4 intervals: our networks
inline constexpr char kMasqueraded[] = "masqueraded";     // those whose traffic leaves with the host's address
inline constexpr char kPublished[] = "published";         // proto . host address . host port : address . port
inline constexpr char kPublishedAny[] = "published_any";  // proto . host port : address . port
inline constexpr std::uint8_t kFamily = 1;                // NFPROTO_INET

// An interface name as nf_tables compares it: 16 bytes, zero padded.
std::string InterfaceKey(const std::string& name);
// First address and the first one after it; both keys of an interval set.
std::vector<os::NftElement> IntervalElements(const Subnet& subnet);
// Name of the map and the element in it.
struct PublishedElement {
  const char* map;
  os::NftElement element;
};
PublishedElement ElementFor(const PublishedPort& port);
// The inverse; kDataLoss if the bytes are not of this layout.
Result<PublishedPort> PortFrom(const std::string& map, const os::NftElement& element);

// Adds and deletes the elements a bridge has in the sets.
void AddBridgeElements(os::NftBatch& batch, const BridgeSpec& bridge);

}  // namespace estiba::net
