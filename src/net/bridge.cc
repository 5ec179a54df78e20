#include <algorithm>
#include <cerrno>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "link.h"
#include "net/repair.h"
#include "net/setup.h"
#include "table.h"

namespace estiba::net {
namespace {

std::string Name(const BridgeSpec& bridge) { return "set up bridge '" + bridge.name + "'"; }

// As the link tells of itself: a look-up below /proc/sys/net goes by every network namespace that was ever looked at.
Status Sysctls(const BridgeSpec& bridge, const Link& link) {
  const std::string six = "ipv6/conf/" + bridge.name + '/';
  const bool has_six = std::ranges::any_of(bridge.Subnets(), [](const IpPrefix& one) { return one.address.v6; });
  if (link.disable_ipv6 != (has_six ? 0U : 1U))
    TRY_CTX(SetNetSysctl(six + "disable_ipv6", has_six ? "0" : "1", /*optional=*/!has_six), Name(bridge));
  // A container's router advertisement is not the host's business (CVE-2020-13401).
  if (link.accept_ra != 0U) TRY_CTX(SetNetSysctl(six + "accept_ra", "0", /*optional=*/true), Name(bridge));
  // Until its link-local address has been looked for it asks nobody for theirs, and what comes from outside is lost.
  if (link.accept_dad != 0U) TRY_CTX(SetNetSysctl(six + "accept_dad", "0", /*optional=*/true), Name(bridge));
  // Ports published on 127.0.0.1: the answer enters on the bridge with a loopback destination.
  if (link.route_localnet != 1U)
    TRY_CTX(SetNetSysctl("ipv4/conf/" + bridge.name + "/route_localnet", "1", /*optional=*/false), Name(bridge));
  return Ok();
}

Status BringUp(os::NetlinkSocket& socket, const BridgeSpec& bridge, const Link& link) {
  os::NetlinkBatch batch;
  for (const IpPrefix& gateway : bridge.gateways) AddAddress(batch, link.index, gateway);
  if (!link.up) {
    ifinfomsg header{};
    header.ifi_index = link.index;
    header.ifi_flags = header.ifi_change = IFF_UP;
    batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
  }
  return Transact(socket, batch, Name(bridge), EEXIST);
}

// Elements of one set each, in the order of the list.
template <typename Each>
void BySet(const std::vector<TableElement>& elements, Each each) {
  for (std::size_t from = 0, to = 0; from < elements.size(); from = to) {
    std::vector<os::NftElement> some;
    for (; to < elements.size() && elements[to].set == elements[from].set; ++to) some.push_back(elements[to].element);
    each(elements[from].set, some);
  }
}

// They are added in one transaction, so two tell of all: the one that every bridge has, and one of a set of the last
// layout, which an earlier release has not filled.
bool TellsOfAll(const TableElement& element) {
  const std::string_view set = element.set;
  return set == kBridges || set == kGuarded;
}

// `repair`: somebody may have taken any of them.
Status EnsureElements(const BridgeSpec& bridge, bool repair) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  const std::vector<TableElement> elements = ElementsOf(bridge);
  bool complete = true;
  for (const TableElement& one : elements) {
    // An interval's end is there when its begin is.
    if (!complete || one.element.interval_end || (!repair && !TellsOfAll(one))) continue;
    complete = TRY(os::NftHasElement(socket, kFamily, kTable, one.set, one.element.key));
  }
  if (complete) return Ok();
  os::NftBatch batch(kFamily);
  BySet(elements, [&](const char* set, const auto& some) { batch.AddElements(kTable, set, some); });
  return batch.Commit(socket, "add nft elements of bridge '" + bridge.name + "'");
}

// Deleting what is missing fails the whole transaction, so each element is added first; one that is there with the
// same value stays as it is.
Status DeleteElements(const BridgeSpec& bridge) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  os::NftBatch batch(kFamily);
  const std::vector<TableElement> elements = ElementsOf(bridge);
  BySet(elements, [&](const char* set, const auto& some) { batch.AddElements(kTable, set, some); });
  BySet(elements, [&](const char* set, const auto& some) { batch.DeleteElements(kTable, set, some); });
  Status status = batch.Commit(socket, "delete nft elements of bridge '" + bridge.name + "'");
  if (!status.ok() && status.error().errnum() == ENOENT) return Ok();  // no table, no elements
  return status;
}

}  // namespace

std::vector<IpPrefix> BridgeSpec::Subnets() const {
  std::vector<IpPrefix> subnets = gateways;
  subnets.insert(subnets.end(), bare.begin(), bare.end());
  return subnets;
}

Mac BridgeSpec::LinkMac() const {
  const std::vector<IpPrefix> subnets = Subnets();
  return MacFor(subnets.empty() ? Ip{} : subnets.front().address);
}

bool BridgeSpec::Masquerades(bool v6) const {
  const GatewayMode mode = v6 ? mode_ipv6 : mode_ipv4;
  return masquerade && !internal && (mode == GatewayMode::kNat || mode == GatewayMode::kNatUnprotected);
}

namespace {

Status MakeBridge(const BridgeSpec& bridge, bool repair) {
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), Name(bridge));
  auto link = TRY_CTX(FindLink(socket, bridge.name), Name(bridge));
  if (!link) {
    TRY(CreateBridge(socket, {bridge.name, bridge.LinkMac(), bridge.mtu}));
    link = TRY_CTX(FindLink(socket, bridge.name), Name(bridge));
  }
  if (!link) return Error(Code::kAborted, Name(bridge) + ": the link disappeared");
  if (link->kind != "bridge")
    return Error(Code::kConflict, Name(bridge) + ": there is a link of that name that is not a bridge");
  TRY(Sysctls(bridge, *link));
  TRY(BringUp(socket, bridge, *link));
  return EnsureElements(bridge, repair);
}

}  // namespace

Status EnsureBridge(const BridgeSpec& bridge) { return MakeBridge(bridge, /*repair=*/false); }
Status RepairBridge(const BridgeSpec& bridge) { return MakeBridge(bridge, /*repair=*/true); }

Status DeleteBridge(const BridgeSpec& bridge) {
  const std::string what = "delete bridge '" + bridge.name + "'";
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_ROUTE), what);
  const auto link = TRY_CTX(FindLink(socket, bridge.name), what);
  if (link && link->kind != "bridge") return Error(Code::kConflict, what + ": it is not a bridge");
  // An administrator's stays, as docker has it.
  if (link && IsOurBridge(*link)) TRY(DeleteLink(socket, link->index, what));
  return DeleteElements(bridge);
}

Result<bool> LinkExists(const std::string& name) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  return TRY(FindLink(socket, name)).has_value();
}

}  // namespace estiba::net
