#pragma once
// rtnetlink questions and answers shared by the steps.

#include <optional>
#include <string>
#include <vector>

#include <linux/rtnetlink.h>

#include "base/ip.h"
#include "net/address.h"
#include "net/bridge_link.h"
#include "os/netlink.h"

namespace estiba::net {

struct Link {
  int index = 0;
  bool up = false;
  int master = 0;
  int peer = 0;      // of a veth: the other end's index, in its own namespace; of a link on another: that one's
  std::string name;
  std::string kind;  // "bridge", "veth", "" for hardware
  std::string alias;  // what somebody wrote on it
  Mac mac{};         // all zeros for a link without one, as tun(4)
  // Settings that the kernel tells along with it (net.ipv4.conf and net.ipv6.conf); nothing where it has none.
  std::optional<std::uint32_t> route_localnet;
  std::optional<std::uint32_t> disable_ipv6;
  std::optional<std::uint32_t> accept_ra;
  std::optional<std::uint32_t> accept_dad;
};
// Of an answer of type RTM_NEWLINK.
Link ParseLink(const os::NetlinkMessage& message, const ifinfomsg& header);
// What links that we have made are marked with: others may have made one for us to use.
inline constexpr char kOurAlias[] = "estiba";
inline bool IsOurBridge(const Link& link) { return link.kind == "bridge" && link.alias == kOurAlias; }
// Marked as ours and down, of which `master` (0: none) is the master; fine when it is there already.
Status CreateBridge(os::NetlinkSocket& socket, const BridgeLinkSpec& bridge, int master = 0);
Result<std::vector<Link>> ListLinks(os::NetlinkSocket& socket);
// Nothing when there is no link of that name.
Result<std::optional<Link>> FindLink(os::NetlinkSocket& socket, const std::string& name);
Result<std::optional<Link>> FindLink(os::NetlinkSocket& socket, int index);
// Interface names go into netlink, nft and /proc/sys paths.
Status CheckLinkName(const std::string& name);
// Deletes the link; succeeds when it is gone.
Status DeleteLink(os::NetlinkSocket& socket, int index, const std::string& what);
// As DeleteVethAtEnd() (setup.h).
Status DeleteLinkAtEnd(os::NetlinkSocket& socket, int index, const std::string& what);
// Sends the batch; the first failure that is not `tolerated` becomes the error.
Status Transact(os::NetlinkSocket& socket, os::NetlinkBatch& batch, const std::string& what, int tolerated = 0);
// Puts RTM_NEWADDR into the batch: IPv4 with the broadcast address of its network, IPv6 without a search for
// duplicates.
void AddAddress(os::NetlinkBatch& batch, int index, const IpPrefix& address);
// Writes a sysctl of the current network namespace below /proc/sys/net, unless it already has that value.
// `optional`: a kernel without that setting (no IPv6) is fine.
Status SetNetSysctl(const std::string& path, const std::string& value, bool optional);
// The same, below the folder `settings`.
Status SetNetSysctl(os::DirFd settings, const std::string& path, const std::string& value, bool optional);

}  // namespace estiba::net
