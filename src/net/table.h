#pragma once
// The layout of the nft table and the keys of its sets and maps. Other programs of ours, of earlier releases too, may
// have made the table and fill it, so names and key forms are a seam: sets are never changed, only added, and a change
// of chains or sets needs a new kLayout. docs/networks.md says what is in it for administrators.

#include <string>
#include <utility>
#include <vector>

#include "net/ports.h"
#include "net/setup.h"
#include "os/nft.h"

namespace estiba::net {

inline constexpr char kTable[] = "estiba";
inline constexpr std::uint8_t kFamily = 1;  // NFPROTO_INET
// Empty chains that mark the layouts whose sets the table has. What looks for an earlier one finds all it needs.
inline constexpr char kLayout[] = "layout_3";
inline constexpr const char* kEarlierLayouts[] = {"layout_1", "layout_2"};
// A plain chain for the administrator's rules, asked first of everything that is forwarded. We make it and never touch
// what is in it.
inline constexpr char kAdministrator[] = "administrator";

inline constexpr char kBridges[] = "bridges";         // ifname: our bridges
inline constexpr char kSameBridge[] = "same_bridge";  // ifname . ifname: where containers reach each other, twice
inline constexpr char kInternal[] = "internal";       // ifname: bridges with no way in or out
inline constexpr char kGuarded[] = "guarded";  // family . ifname: where sources must lead back
inline constexpr char kUnprotected[] = "unprotected";  // family . ifname: everything may go in
inline constexpr char kRouted[] = "routed";            // family . ifname: published ports and ICMP may, untranslated
inline constexpr char kTrusted[] = "trusted";          // ifname . ifname: from there published ports may, untranslated
inline constexpr char kSubnets[] = "subnets";          // ipv4 intervals: our networks
inline constexpr char kSubnets6[] = "subnets6";
inline constexpr char kMasqueraded[] = "masqueraded";  // those whose traffic leaves with the host's address
inline constexpr char kMasqueraded6[] = "masqueraded6";
inline constexpr char kSourced[] = "sourced";  // ipv4 intervals : the address their traffic leaves with
inline constexpr char kSourced6[] = "sourced6";
inline constexpr char kPublished[] = "published";         // proto . host address . host port : address . port
inline constexpr char kPublishedAny[] = "published_any";  // proto . host port : address . port
inline constexpr char kPublished6[] = "published6";
inline constexpr char kPublishedAny6[] = "published6_any";
inline constexpr char kOpened[] = "opened";  // proto . address . port of containers in routed networks
inline constexpr char kOpened6[] = "opened6";

// Adds what is missing of chains and sets to the batch; `chains` are those of ours that the table has and that are made
// anew.
void AddLayout(os::NftBatch& batch, const std::vector<std::string>& chains);

// Takes all of ours out of a table of this layout; what the administrator has stays.
void RemoveLayout(os::NftBatch& batch, const std::vector<std::string>& chains);

// An interface name as nf_tables compares it: 16 bytes, zero padded.
std::string InterfaceKey(const std::string& name);

// A set or map and an element of it.
struct TableElement {
  const char* set;
  os::NftElement element;
};
// Where a port is written: in a map for translation; one that is opened, in a set.
TableElement ElementFor(const PublishedPort& port);
// The inverse; kDataLoss if the bytes are not of this layout.
Result<PublishedPort> PortFrom(const std::string& set, const os::NftElement& element);
// The sets and maps that hold ports.
inline constexpr const char* kPortSets[] = {kPublished, kPublishedAny, kPublished6, kPublishedAny6, kOpened, kOpened6};

// What a bridge has in the sets.
std::vector<TableElement> ElementsOf(const BridgeSpec& bridge);

}  // namespace estiba::net
