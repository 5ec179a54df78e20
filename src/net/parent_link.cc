#include "net/parent_link.h"

#include <cerrno>
#include <optional>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "base/parse.h"
#include "base/text.h"
#include "link.h"
#include "os/netlink.h"

namespace estiba::net {
namespace {

std::string Name(const ParentSpec& parent) {
  if (parent.base.empty()) return "make dummy link '" + parent.name + "'";
  return "make VLAN link '" + parent.name + "'";
}

// Made, marked and brought up in one go.
Status Create(os::NetlinkSocket& socket, const ParentSpec& parent, int base) {
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, parent.name);
  if (base != 0) batch.PutU32(IFLA_LINK, static_cast<std::uint32_t>(base));
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, base != 0 ? "vlan" : "dummy");
  if (base != 0) {
    batch.BeginNest(IFLA_INFO_DATA);
    batch.PutU16(IFLA_VLAN_ID, static_cast<std::uint16_t>(parent.vlan));
    batch.EndNest();
  }
  batch.EndNest();
  ifinfomsg up{};
  up.ifi_flags = up.ifi_change = IFF_UP;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, up);
  batch.PutString(IFLA_IFNAME, parent.name);
  batch.PutString(IFLA_IFALIAS, kOurAlias);
  Status made = Transact(socket, batch, Name(parent));
  if (!made.ok() && made.error().errnum() == EOPNOTSUPP)
    return std::move(made).error().Hint(std::string("the kernel was built without ") +
                                        (base != 0 ? "CONFIG_VLAN_8021Q" : "CONFIG_DUMMY"));
  return made;
}

}  // namespace

Result<ParentSpec> ParseVlanName(const std::string& name) {
  const auto bad = [](std::string what) { return Error(Code::kInvalidArgument, std::move(what)); };
  if (name.find('.') == std::string::npos)
    return bad("invalid subinterface vlan name " + name + ", example formatting is eth0.10");
  const std::vector<std::string> parts = Split(name, '.');
  if (parts.size() != 2)
    return bad("required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received " + name);
  const auto id = ParseUint(parts[1], UINT32_MAX);
  if (!id.ok()) return bad("unable to parse a valid vlan id from: " + parts[1] + " (ex. eth0.10 for vlan 10)");
  if (*id < 1 || *id > 4094) return bad("vlan id must be between 1-4094, received: " + parts[1]);
  TRY(CheckLinkName(name));
  TRY(CheckLinkName(parts[0]));
  return ParentSpec{name, parts[0], static_cast<unsigned>(*id)};
}

Status EnsureParent(const ParentSpec& parent) {
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), Name(parent));
  if (TRY_CTX(FindLink(socket, parent.name), Name(parent)).has_value()) return Ok();
  int base = 0;
  if (!parent.base.empty()) {
    const auto link = TRY_CTX(FindLink(socket, parent.base), Name(parent));
    if (!link) return Error(Code::kNotFound, "-o parent interface was not found on the host: " + parent.base);
    if (!link->up)
      return Error(Code::kFailedPrecondition, Name(parent) + ": '" + parent.base + "' is down")
          .Hint("bring it up: ip link set " + parent.base + " up");
    base = link->index;
  }
  Status made = Create(socket, parent, base);
  if (!made.ok() && made.error().errnum() == EEXIST) return Ok();  // somebody was quicker
  return made;
}

Status DeleteParent(const std::string& name) {
  const std::string what = "delete link '" + name + "'";
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  const auto link = TRY_CTX(FindLink(socket, name), what);
  const bool ours = link && link->alias == kOurAlias && (link->kind == "vlan" || link->kind == "dummy");
  if (!ours) return Ok();
  return DeleteLink(socket, link->index, what);
}

Result<Mac> MacOfParent(const std::string& name) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  const auto link = TRY(FindLink(socket, name));
  if (!link)
    return Error(Code::kNotFound, "the requested parent interface " + name + " was not found on the host");
  return link->mac;
}

}  // namespace estiba::net
