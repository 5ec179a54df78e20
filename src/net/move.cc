// A link of the host handed to a container for good (linux.netDevices).

#include <cerrno>
#include <optional>
#include <set>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "link.h"
#include "net/setup.h"
#include "os/netns.h"

namespace estiba::net {
namespace {

struct SavedAddress {
  ifaddrmsg header{};
  std::uint32_t flags = 0;
  std::string local;
  std::string address;
  std::string broadcast;
};

std::string Bytes(std::string_view attributes, std::uint16_t type) {
  const auto found = os::NetlinkAttributes::Find(attributes, type);
  return found ? std::string(found->bytes) : std::string();
}

// Addresses that somebody gave it: the kernel makes the others itself, there as here.
Result<std::vector<SavedAddress>> AddressesOf(os::NetlinkSocket& socket, int index) {
  os::NetlinkBatch request;
  request.Begin(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  std::vector<SavedAddress> saved;
  for (const std::string& bytes : TRY(socket.Ask(request, "list addresses"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifaddrmsg>() : std::nullopt;
    if (!header || message->type != RTM_NEWADDR || static_cast<int>(header->ifa_index) != index) continue;
    const bool given = (header->ifa_flags & IFA_F_PERMANENT) != 0 && header->ifa_scope == RT_SCOPE_UNIVERSE;
    if (!given) continue;
    const std::string_view attributes = message->AttributesAfter(sizeof(ifaddrmsg));
    const auto flags = os::NetlinkAttributes::Find(attributes, IFA_FLAGS);  // the header has room for eight of them
    const std::uint32_t all = flags ? flags->U32().value_or(0) : header->ifa_flags;
    saved.push_back({*header, all, Bytes(attributes, IFA_LOCAL), Bytes(attributes, IFA_ADDRESS),
                     Bytes(attributes, IFA_BROADCAST)});
  }
  return saved;
}

Result<std::set<int>> LinksOf(os::NetlinkSocket& socket) {
  os::NetlinkBatch request;
  request.Begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  std::set<int> links;
  for (const std::string& bytes : TRY(socket.Ask(request, "list links"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifinfomsg>() : std::nullopt;
    if (header && message->type == RTM_NEWLINK) links.insert(header->ifi_index);
  }
  return links;
}

Status Move(os::NetlinkSocket& here, int index, const std::string& name, int netns, const std::string& what) {
  os::NetlinkBatch batch;
  ifinfomsg header{};
  header.ifi_index = index;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
  batch.PutU32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  batch.PutString(IFLA_IFNAME, name);
  return Transact(here, batch, what);
}

void PutAddress(os::NetlinkBatch& batch, int index, const SavedAddress& saved) {
  ifaddrmsg header = saved.header;
  header.ifa_index = static_cast<std::uint32_t>(index);
  header.ifa_flags = 0;
  batch.Begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, header);
  batch.PutU32(IFA_FLAGS, saved.flags & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT));
  if (!saved.local.empty()) batch.Put(IFA_LOCAL, saved.local);
  if (!saved.address.empty()) batch.Put(IFA_ADDRESS, saved.address);
  if (!saved.broadcast.empty()) batch.Put(IFA_BROADCAST, saved.broadcast);
}

// The one link that was not there before, whatever name and number the kernel gave it.
Result<int> NewLink(os::NetlinkSocket& there, const std::set<int>& before, const std::string& what) {
  for (const int index : TRY(LinksOf(there))) {
    if (!before.contains(index)) return index;
  }
  return Error(Code::kNotFound, what + ": it is not where it was moved to");
}

}  // namespace

Status MoveLink(const std::string& name, const std::string& new_name, int netns) {
  const std::string what = "move link '" + name + "' into the container";
  os::NetlinkSocket here = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  std::optional<os::NetlinkSocket> there;
  const auto open = [&]() -> Status {
    there = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
    return Ok();
  };
  TRY_CTX(os::InNetworkNamespace(netns, open), what);
  const auto link = TRY_CTX(FindLink(here, name), what);
  if (!link) return Error(Code::kNotFound, what + ": there is no such link");
  // The kernel moves first and renames then: with a name that is taken the link would be gone from here all the same.
  const std::string wanted = new_name.empty() ? name : new_name;
  const bool pattern = wanted.find('%') != std::string::npos;
  if (!pattern && TRY_CTX(FindLink(*there, wanted), what).has_value())
    return Error(Code::kAlreadyExists, what + ": it has a link '" + wanted + "' already");
  const auto addresses = TRY_CTX(AddressesOf(here, link->index), what);
  const auto before = TRY_CTX(LinksOf(*there), what);
  TRY(Move(here, link->index, wanted, netns, what));
  const int index = TRY(NewLink(*there, before, what));
  os::NetlinkBatch batch;
  ifinfomsg up{};
  up.ifi_index = index;
  up.ifi_flags = up.ifi_change = IFF_UP;
  for (const SavedAddress& saved : addresses) PutAddress(batch, index, saved);
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, up);
  return Transact(*there, batch, what + ": give it its addresses");
}

}  // namespace estiba::net
