#include <cerrno>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "link.h"
#include "net/setup.h"
#include "table.h"

namespace estiba::net {
namespace {

std::string Name(const BridgeSpec& bridge) { return "set up bridge '" + bridge.name + "'"; }

// Down, so that IPv6 can be switched off before it starts. The hardware address is set, or the bridge would take the
// lowest of its ports' and change it as containers come and go.
Status CreateBridge(os::NetlinkSocket& socket, const BridgeSpec& bridge) {
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, bridge.name);
  if (bridge.mtu != 0) batch.PutU32(IFLA_MTU, bridge.mtu);
  const Mac mac = MacFor(bridge.gateway);
  batch.Put(IFLA_ADDRESS, {reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size()});
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, "bridge");
  batch.EndNest();
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, bridge.name);
  batch.PutString(IFLA_IFALIAS, kOurAlias);  // not taken when a link is made
  TRY(Transact(socket, batch, Name(bridge), EEXIST));  // EEXIST: somebody of ours was quicker
  return Ok();
}

Status Sysctls(const BridgeSpec& bridge) {
  TRY_CTX(SetNetSysctl("ipv6/conf/" + bridge.name + "/disable_ipv6", "1", /*optional=*/true), Name(bridge));
  // Ports published on 127.0.0.1: the answer enters on the bridge with a loopback destination.
  TRY_CTX(SetNetSysctl("ipv4/conf/" + bridge.name + "/route_localnet", "1", /*optional=*/false), Name(bridge));
  return Ok();
}

Status BringUp(os::NetlinkSocket& socket, const BridgeSpec& bridge, const Link& link) {
  os::NetlinkBatch batch;
  AddAddress(batch, link.index, {bridge.gateway, bridge.subnet.prefix});
  if (!link.up) {
    ifinfomsg header{};
    header.ifi_index = link.index;
    header.ifi_flags = header.ifi_change = IFF_UP;
    batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
  }
  return Transact(socket, batch, Name(bridge), EEXIST);
}

Status EnsureElements(const BridgeSpec& bridge) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  // They come and go in one transaction, so one stands for all.
  if (TRY(os::NftHasElement(socket, kFamily, kTable, kBridges, InterfaceKey(bridge.name)))) return Ok();
  os::NftBatch batch(kFamily);
  AddBridgeElements(batch, bridge);
  return batch.Commit(socket, "add nft elements of bridge '" + bridge.name + "'");
}

// Deleting what is missing fails the whole transaction, so each element is added first; one that is there with the
// same value stays as it is.
Status DeleteElements(const BridgeSpec& bridge) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  os::NftBatch batch(kFamily);
  BridgeSpec all = bridge;
  all.masquerade = true;
  AddBridgeElements(batch, all);
  const std::string name = InterfaceKey(bridge.name);
  batch.DeleteElements(kTable, kBridges, {{name, {}, false}});
  batch.DeleteElements(kTable, kSameBridge, {{name + name, {}, false}});
  batch.DeleteElements(kTable, kSubnets, IntervalElements(bridge.subnet));
  batch.DeleteElements(kTable, kMasqueraded, IntervalElements(bridge.subnet));
  Status status = batch.Commit(socket, "delete nft elements of bridge '" + bridge.name + "'");
  if (!status.ok() && status.error().errnum() == ENOENT) return Ok();  // no table, no elements
  return status;
}

}  // namespace

Status EnsureBridge(const BridgeSpec& bridge) {
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), Name(bridge));
  auto link = TRY_CTX(FindLink(socket, bridge.name), Name(bridge));
  if (!link) {
    TRY(CreateBridge(socket, bridge));
    link = TRY_CTX(FindLink(socket, bridge.name), Name(bridge));
  }
  if (!link) return Error(Code::kAborted, Name(bridge) + ": the link disappeared");
  if (link->kind != "bridge")
    return Error(Code::kConflict, Name(bridge) + ": there is a link of that name that is not a bridge");
  TRY(Sysctls(bridge));
  TRY(BringUp(socket, bridge, *link));
  return EnsureElements(bridge);
}

Status DeleteBridge(const BridgeSpec& bridge) {
  const std::string what = "delete bridge '" + bridge.name + "'";
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  const auto link = TRY_CTX(FindLink(socket, bridge.name), what);
  if (link && link->kind != "bridge") return Error(Code::kConflict, what + ": it is not a bridge");
  if (link) TRY(DeleteLink(socket, link->index, what));
  return DeleteElements(bridge);
}

Result<bool> LinkExists(const std::string& name) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  return TRY(FindLink(socket, name)).has_value();
}

}  // namespace estiba::net
