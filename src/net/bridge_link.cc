#include "net/bridge_link.h"

#include <cerrno>
#include <cstring>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "link.h"

namespace estiba::net {
namespace {

std::string Name(const BridgeLinkSpec& bridge) { return "set up bridge '" + bridge.name + "'"; }

struct Filter {
  bool on = false;
  unsigned default_vlan = 0;  // that ports are put into when they come; 0: none
};

Result<Filter> FilterOf(os::NetlinkSocket& socket, int bridge) {
  os::NetlinkBatch request;
  ifinfomsg header{};
  header.ifi_index = bridge;
  request.Begin(RTM_GETLINK, 0, header);
  Filter filter;
  for (const std::string& bytes : TRY(socket.Ask(request, "look for link " + std::to_string(bridge)))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (!message || message->type != RTM_NEWLINK) continue;
    const auto info = os::NetlinkAttributes::Find(message->AttributesAfter(sizeof(ifinfomsg)), IFLA_LINKINFO);
    const auto data = info ? os::NetlinkAttributes::Find(info->bytes, IFLA_INFO_DATA) : std::nullopt;
    if (!data) continue;
    const auto on = os::NetlinkAttributes::Find(data->bytes, IFLA_BR_VLAN_FILTERING);
    filter.on = on && !on->bytes.empty() && on->bytes[0] != 0;
    const auto vlan = os::NetlinkAttributes::Find(data->bytes, IFLA_BR_VLAN_DEFAULT_PVID);
    if (std::uint16_t number = 0; vlan && vlan->bytes.size() >= sizeof number) {
      std::memcpy(&number, vlan->bytes.data(), sizeof number);
      filter.default_vlan = number;
    }
  }
  return filter;
}

Error NoFilter(const std::string& bridge) {
  return Error(Code::kFailedPrecondition, "bridge '" + bridge + "' does not filter VLANs")
      .Hint("ip link set " + bridge + " type bridge vlan_filtering 1");
}

void PutVlan(os::NetlinkBatch& batch, std::uint16_t type, int link, unsigned vlan, bool of_bridge) {
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = link;
  batch.Begin(type, NLM_F_ACK, header);
  batch.BeginNest(IFLA_AF_SPEC);
  if (of_bridge) batch.PutU16(IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
  bridge_vlan_info info{};
  if (type == RTM_SETLINK) info.flags = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;
  info.vid = static_cast<std::uint16_t>(vlan);
  batch.Put(IFLA_BRIDGE_VLAN_INFO, {reinterpret_cast<const char*>(&info), sizeof info});
  batch.EndNest();
}

Result<int> FindVrf(os::NetlinkSocket& socket, const std::string& name) {
  const auto link = TRY(FindLink(socket, name));
  if (!link)
    return Error(Code::kNotFound, "there is no VRF '" + name + "'")
        .Hint("ip link add " + name + " type vrf table NUMBER && ip link set " + name +
              " up; the kernel needs CONFIG_NET_VRF");
  if (link->kind != "vrf") return Error(Code::kConflict, "link '" + name + "' is not a VRF");
  return link->index;
}

Status JoinVrf(os::NetlinkSocket& socket, const BridgeLinkSpec& bridge, const Link& link, int vrf) {
  if (link.master == vrf) return Ok();
  if (!IsOurBridge(link))
    return Error(Code::kFailedPrecondition,
                 "bridge '" + bridge.name + "' is not in VRF '" + bridge.vrf + "', and it is not ours to move")
        .Hint("ip link set " + bridge.name + " master " + bridge.vrf);
  os::NetlinkBatch batch;
  ifinfomsg header{};
  header.ifi_index = link.index;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
  batch.PutU32(IFLA_MASTER, static_cast<std::uint32_t>(vrf));
  return Transact(socket, batch, Name(bridge) + ": join VRF '" + bridge.vrf + "'");
}

// Containers reach the gateway where the bridge is in their VLAN, too.
Status FilterVlans(os::NetlinkSocket& socket, const BridgeLinkSpec& bridge, const Link& link) {
  if (!IsOurBridge(link))
    return Error(Code::kFailedPrecondition,
                 "bridge '" + bridge.name + "' is not ours, and a VLAN would become that of its untagged frames")
        .Hint("-o mode=unmanaged puts containers into a VLAN of a bridge and leaves the bridge as it is");
  const Filter filter = TRY(FilterOf(socket, link.index));
  if (!filter.on) return NoFilter(bridge.name);
  os::NetlinkBatch batch;
  PutVlan(batch, RTM_SETLINK, link.index, bridge.vlan, /*of_bridge=*/true);
  return Transact(socket, batch, Name(bridge) + ": join VLAN " + std::to_string(bridge.vlan));
}

}  // namespace

// Down, so that IPv6 can be switched off before it starts, and a VRF be joined before there are routes.
Status CreateBridge(os::NetlinkSocket& socket, const BridgeLinkSpec& bridge, int master) {
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, bridge.name);
  if (bridge.mtu != 0) batch.PutU32(IFLA_MTU, bridge.mtu);
  batch.Put(IFLA_ADDRESS, {reinterpret_cast<const char*>(bridge.mac.bytes.data()), bridge.mac.bytes.size()});
  if (master != 0) batch.PutU32(IFLA_MASTER, static_cast<std::uint32_t>(master));
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, "bridge");
  batch.BeginNest(IFLA_INFO_DATA);
  batch.PutU8(IFLA_BR_MCAST_SNOOPING, 0);
  if (bridge.vlan != 0) {
    batch.PutU8(IFLA_BR_VLAN_FILTERING, 1);
    batch.PutU16(IFLA_BR_VLAN_DEFAULT_PVID, 0);
  }
  batch.EndNest();
  batch.EndNest();
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, bridge.name);
  batch.PutString(IFLA_IFALIAS, kOurAlias);  // not taken when a link is made
  Status made = Transact(socket, batch, Name(bridge), EEXIST);  // EEXIST: somebody of ours was quicker
  if (!made.ok() && made.error().errnum() == EOPNOTSUPP && bridge.vlan != 0)
    return std::move(made).error().Hint("the kernel was built without CONFIG_BRIDGE_VLAN_FILTERING");
  return made;
}

Status EnsureBridgeLink(const BridgeLinkSpec& bridge) {
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), Name(bridge));
  const int vrf = bridge.vrf.empty() ? 0 : TRY_CTX(FindVrf(socket, bridge.vrf), Name(bridge));
  auto link = TRY_CTX(FindLink(socket, bridge.name), Name(bridge));
  if (!link) {
    TRY(CreateBridge(socket, bridge, vrf));
    link = TRY_CTX(FindLink(socket, bridge.name), Name(bridge));
  }
  if (!link) return Error(Code::kAborted, Name(bridge) + ": the link disappeared");
  if (link->kind != "bridge")
    return Error(Code::kConflict, Name(bridge) + ": there is a link of that name that is not a bridge");
  if (vrf != 0) TRY(JoinVrf(socket, bridge, *link, vrf));
  return bridge.vlan == 0 ? Ok() : FilterVlans(socket, bridge, *link);
}

Status JoinVlan(const std::string& port, unsigned vlan) {
  const std::string what = "put link '" + port + "' into VLAN " + std::to_string(vlan);
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  const auto link = TRY_CTX(FindLink(socket, port), what);
  if (!link || link->master == 0) return Error(Code::kNotFound, what + ": it is no port of a bridge");
  const Filter filter = TRY_CTX(FilterOf(socket, link->master), what);
  if (!filter.on) {
    const auto bridge = TRY_CTX(FindLink(socket, link->master), what);
    return NoFilter(bridge ? bridge->name : std::to_string(link->master)).Context(what);
  }
  os::NetlinkBatch batch;
  PutVlan(batch, RTM_SETLINK, link->index, vlan, /*of_bridge=*/false);
  const bool other = filter.default_vlan != 0 && filter.default_vlan != vlan;
  if (other) PutVlan(batch, RTM_DELLINK, link->index, filter.default_vlan, /*of_bridge=*/false);
  return Transact(socket, batch, what);
}

Status CheckFiltersVlans(const std::string& bridge) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  const auto link = TRY(FindLink(socket, bridge));
  if (!link) return Error(Code::kNotFound, "there is no bridge '" + bridge + "'");
  const Filter filter = TRY(FilterOf(socket, link->index));
  return filter.on ? Ok() : Status(NoFilter(bridge));
}

}  // namespace estiba::net
