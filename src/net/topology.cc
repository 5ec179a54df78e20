#include "net/topology.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include "link.h"
#include "os/netns.h"

namespace estiba::net {
namespace {

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view MacBytes(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size()};
}

std::uint8_t FamilyOf(const Ip& address) { return address.v6 ? AF_INET6 : AF_INET; }

Result<Link> GetLink(os::NetlinkSocket& socket, const std::string& name) {
  const auto link = TRY(FindLink(socket, name));
  if (!link) return Error(Code::kNotFound, "there is no link '" + name + "'");
  return *link;
}

}  // namespace

Result<os::NetlinkSocket> OpenSocketIn(int netns, int protocol) {
  std::optional<os::NetlinkSocket> socket;
  const auto open = [&]() -> Status {
    socket = TRY(os::NetlinkSocket::Open(protocol));
    return Ok();
  };
  TRY(os::InNetworkNamespace(netns, open));
  return std::move(*socket);
}

Status AddBridge(os::NetlinkSocket& socket, const std::string& name, std::optional<unsigned> forward_delay) {
  TRY(CheckLinkName(name));
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, name);
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, "bridge");
  if (forward_delay) {
    batch.BeginNest(IFLA_INFO_DATA);
    batch.PutU32(IFLA_BR_FORWARD_DELAY, *forward_delay);
    batch.PutU32(IFLA_BR_STP_STATE, 1);
    batch.EndNest();
  }
  batch.EndNest();
  return Transact(socket, batch, "add bridge '" + name + "'");
}

Status AddPair(os::NetlinkSocket& socket, const PairSpec& pair, int peer_netns) {
  TRY(CheckLinkName(pair.name));
  TRY(CheckLinkName(pair.peer));
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, pair.name);
  batch.Put(IFLA_ADDRESS, MacBytes(pair.mac));
  if (pair.mtu != 0) batch.PutU32(IFLA_MTU, pair.mtu);
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, "veth");
  batch.BeginNest(IFLA_INFO_DATA);
  batch.BeginNest(VETH_INFO_PEER, AsBytes(ifinfomsg{}));
  batch.PutString(IFLA_IFNAME, pair.peer);
  batch.Put(IFLA_ADDRESS, MacBytes(pair.peer_mac));
  if (pair.mtu != 0) batch.PutU32(IFLA_MTU, pair.mtu);
  batch.PutU32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_netns));
  batch.EndNest();
  batch.EndNest();
  batch.EndNest();
  return Transact(socket, batch, "add link pair '" + pair.name + "' and '" + pair.peer + "'");
}

Status SetMaster(os::NetlinkSocket& socket, const std::string& link, const std::string& bridge) {
  const std::string what = "make '" + link + "' a port of '" + bridge + "'";
  const Link master = TRY_CTX(GetLink(socket, bridge), what);
  TRY_CTX(CheckLinkName(link), what);
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, link);
  batch.PutU32(IFLA_MASTER, static_cast<std::uint32_t>(master.index));
  return Transact(socket, batch, what);
}

Status BringUp(os::NetlinkSocket& socket, const std::string& link) {
  TRY(CheckLinkName(link));
  ifinfomsg header{};
  header.ifi_flags = header.ifi_change = IFF_UP;
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
  batch.PutString(IFLA_IFNAME, link);
  return Transact(socket, batch, "bring up '" + link + "'");
}

Status SettleLink(os::NetlinkSocket& socket, const std::string& link) {
  const auto port = TRY(FindLink(socket, link));
  if (port && port->master != 0) TRY(FindLink(socket, port->master));
  return Ok();
}

Status AddInterfaceAddress(os::NetlinkSocket& socket, const std::string& link, const IpPrefix& address) {
  const std::string what = "give '" + link + "' the address " + ToString(address);
  const Link found = TRY_CTX(GetLink(socket, link), what);
  os::NetlinkBatch batch;
  AddAddress(batch, found.index, address);
  return Transact(socket, batch, what);
}

Status AddGatewayRoute(os::NetlinkSocket& socket, const IpPrefix& to, const Ip& via) {
  rtmsg header{};
  header.rtm_family = FamilyOf(via);
  header.rtm_dst_len = static_cast<std::uint8_t>(to.length);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
  if (to.length != 0) batch.Put(RTA_DST, to.address.Bytes());
  batch.Put(RTA_GATEWAY, via.Bytes());
  return Transact(socket, batch, "add a route to " + ToString(to) + " via " + ToString(via));
}

Status DeletePair(os::NetlinkSocket& socket, const std::string& name) {
  const auto link = TRY(FindLink(socket, name));
  if (!link) return Ok();
  if (link->kind != "veth") return Error(Code::kConflict, "delete link '" + name + "': it is not a link pair");
  return DeleteLink(socket, link->index, "delete link '" + name + "'");
}

Result<bool> HasLink(os::NetlinkSocket& socket, const std::string& name) {
  return TRY(FindLink(socket, name)).has_value();
}

Result<int> LinkIndex(os::NetlinkSocket& socket, const std::string& name) { return TRY(GetLink(socket, name)).index; }

Status SetSysctlIn(int netns, const std::string& key, const std::string& value) {
  std::string path = key;
  if (!path.starts_with("net.")) return Error(Code::kInvalidArgument, "'" + key + "' is no setting of a network");
  path.erase(0, 4);
  std::ranges::replace(path, '.', '/');
  return os::InNetworkNamespace(netns, [&] { return SetNetSysctl(path, value, /*optional=*/false); });
}

}  // namespace estiba::net
