// macvlan and ipvlan links of containers.

#include <cerrno>
#include <optional>
#include <vector>

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "link.h"
#include "net/parent_link.h"
#include "net/topology.h"

namespace estiba::net {
namespace {

struct Kind {
  const char* name;
  const char* option;  // of the kernel's configuration
};
constexpr Kind kMacvlan{"macvlan", "CONFIG_MACVLAN"}, kIpvlan{"ipvlan", "CONFIG_IPVLAN"};
const Kind& KindOf(UpperKind kind) { return kind == UpperKind::kMacvlan ? kMacvlan : kIpvlan; }

// Our namespace gets a number for that one, by which its links are found when nobody holds a descriptor any more.
Status NumberNamespace(os::NetlinkSocket& here, int netns, const std::string& what) {
  os::NetlinkBatch batch;
  rtgenmsg header{};
  header.rtgen_family = AF_UNSPEC;
  batch.Begin(RTM_NEWNSID, NLM_F_ACK, header);
  batch.PutU32(NETNSA_NSID, static_cast<std::uint32_t>(NETNSA_NSID_NOT_ASSIGNED));
  batch.PutU32(NETNSA_FD, static_cast<std::uint32_t>(netns));
  return Transact(here, batch, what, EEXIST);
}

Result<std::vector<std::uint32_t>> NumberedNamespaces(os::NetlinkSocket& here) {
  os::NetlinkBatch request;
  rtgenmsg header{};
  header.rtgen_family = AF_UNSPEC;
  request.Begin(RTM_GETNSID, NLM_F_DUMP, header);
  std::vector<std::uint32_t> ids;
  for (const std::string& bytes : TRY(here.Ask(request, "list network namespaces"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (!message || message->type != RTM_NEWNSID) continue;
    const auto id = os::NetlinkAttributes::Find(message->AttributesAfter(sizeof(rtgenmsg)), NETNSA_NSID);
    if (const auto number = id ? id->U32() : std::nullopt) ids.push_back(*number);
  }
  return ids;
}

// The index of a link on `parent` with that mark, among those of the namespace; a namespace that has gone meanwhile has
// none.
std::optional<int> FindMarked(os::NetlinkSocket& here, std::uint32_t ns, int parent, const std::string& mark) {
  os::NetlinkBatch request;
  request.Begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  request.PutU32(IFLA_TARGET_NETNSID, ns);
  const auto answers = here.Ask(request, "list links of a network namespace");
  if (!answers.ok()) return std::nullopt;
  for (const std::string& bytes : answers.value()) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifinfomsg>() : std::nullopt;
    if (!header || message->type != RTM_NEWLINK) continue;
    const Link link = ParseLink(*message, *header);
    const bool upper = link.kind == kMacvlan.name || link.kind == kIpvlan.name;
    if (upper && link.peer == parent && link.alias == mark) return link.index;
  }
  return std::nullopt;
}

Error CannotAdd(Error error, const UpperSpec& link) {
  const Kind& kind = KindOf(link.kind);
  const int errnum = error.errnum();
  Error added = std::move(error).Context(std::string("failed to create the ") + kind.name + " port on '" + link.parent +
                                         "'");
  if (errnum == EOPNOTSUPP) return std::move(added).Hint(std::string("the kernel was built without ") + kind.option);
  if (errnum == EBUSY)
    return std::move(added).Hint("'" + link.parent + "' carries links of another kind, or is a port of a bridge");
  if (errnum == EINVAL && link.mtu != 0)
    return std::move(added).Hint("an MTU may not be larger than the parent's");
  return added;
}

Status Mark(const UpperSpec& link, int netns, const std::string& what) {
  os::NetlinkSocket there = TRY_CTX(OpenSocketIn(netns, NETLINK_ROUTE), what);
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, link.name);
  batch.PutString(IFLA_IFALIAS, link.mark);
  return Transact(there, batch, what);
}

void PutKind(os::NetlinkBatch& batch, const UpperSpec& link) {
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, KindOf(link.kind).name);
  batch.BeginNest(IFLA_INFO_DATA);
  if (link.kind == UpperKind::kMacvlan) {
    batch.PutU32(IFLA_MACVLAN_MODE, link.mode);
  } else {
    batch.PutU16(IFLA_IPVLAN_MODE, static_cast<std::uint16_t>(link.mode));
    batch.PutU16(IFLA_IPVLAN_FLAGS, static_cast<std::uint16_t>(link.flag));
  }
  batch.EndNest();
  batch.EndNest();
}

Status Create(os::NetlinkSocket& here, const UpperSpec& link, int parent, int netns) {
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, link.name);
  batch.PutU32(IFLA_LINK, static_cast<std::uint32_t>(parent));
  batch.PutU32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  if (link.mtu != 0) batch.PutU32(IFLA_MTU, link.mtu);
  if (link.mac)
    batch.Put(IFLA_ADDRESS, {reinterpret_cast<const char*>(link.mac->bytes.data()), link.mac->bytes.size()});
  PutKind(batch, link);
  Status added = Transact(here, batch, "add link '" + link.name + "'");
  if (!added.ok()) return CannotAdd(std::move(added).error(), link);
  return added;
}

}  // namespace

std::string_view ToString(UpperKind kind) { return KindOf(kind).name; }

// A link without a parent is refused, but one of an unknown kind is refused before that.
Status CheckUpperKind(UpperKind kind) {
  const std::string what = std::string("look for ") + KindOf(kind).name + " links";
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  UpperSpec link;
  link.kind = kind;
  PutKind(batch, link);
  Status refused = Transact(socket, batch, what);
  if (refused.ok() || refused.error().errnum() != EOPNOTSUPP) return Ok();
  return std::move(refused).error().Hint(std::string("the kernel was built without ") + KindOf(kind).option);
}

Status AddUpper(const UpperSpec& link, int netns) {
  const std::string what = std::string("add ") + KindOf(link.kind).name + " link '" + link.name + "'";
  TRY_CTX(CheckLinkName(link.name), what);
  os::NetlinkSocket here = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  const auto parent = TRY_CTX(FindLink(here, link.parent), what);
  if (!parent)
    return Error(Code::kNotFound, "the requested parent interface " + link.parent + " was not found on the host");
  TRY(Create(here, link, parent->index, netns));
  TRY(NumberNamespace(here, netns, what));
  return Mark(link, netns, what);
}

Status DeleteUpper(const std::string& parent, const std::string& mark) {
  const std::string what = "delete the link on '" + parent + "'";
  os::NetlinkSocket here = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  const auto below = TRY_CTX(FindLink(here, parent), what);
  if (!below) return Ok();  // what sat on it went with it
  for (const std::uint32_t ns : TRY_CTX(NumberedNamespaces(here), what)) {
    const auto index = FindMarked(here, ns, below->index, mark);
    if (!index) continue;
    os::NetlinkBatch batch;
    ifinfomsg header{};
    header.ifi_index = *index;
    batch.Begin(RTM_DELLINK, NLM_F_ACK, header);
    batch.PutU32(IFLA_TARGET_NETNSID, ns);
    Status deleted = Transact(here, batch, what);
    // Its namespace may go while we are at it.
    if (!deleted.ok() && deleted.error().errnum() != ENODEV && deleted.error().errnum() != EINVAL) return deleted;
  }
  return Ok();
}

}  // namespace estiba::net
