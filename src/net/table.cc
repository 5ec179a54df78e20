#include "table.h"

#include <algorithm>
#include <cerrno>
#include <ranges>

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>

#include "net/pool.h"

namespace estiba::net {
namespace {

constexpr std::size_t kInterfaceBytes = 16;
constexpr unsigned kMaxTries = 8;
// Chains that some layout of ours has had, markers apart.
constexpr const char* kOurChains[] = {"prerouting", "output",       "publish",   "publish6", "guard",      "forward",
                                      "to_bridge",  "opened_ports", "to_routed", "input",    "postrouting"};

std::string PortBytes(std::uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff), '\0', '\0'};
}
std::uint16_t PortAt(const std::string& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

std::string ProtocolBytes(Protocol protocol) {
  const std::uint32_t number = htole32(static_cast<std::uint32_t>(protocol));
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// First address and the first one after it; both keys of an interval set.
void AddInterval(std::vector<TableElement>& elements, const char* set, const IpPrefix& subnet,
                 const std::string& data = {}) {
  elements.push_back({set, {subnet.Network().address.Bytes(), data, false}});
  const Ip end = Next(subnet.Last());
  if (!end.IsAny()) elements.push_back({set, {end.Bytes(), {}, /*interval_end=*/true}});
}

std::string FamilyKey(bool v6, const std::string& name) {
  const char family = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  return std::string(1, family) + std::string(3, '\0') + InterfaceKey(name);
}

// Those of ours that the table has, whatever layout it is of.
Result<std::vector<std::string>> ChainsThere(os::NetlinkSocket& socket) {
  std::vector<std::string> there;
  for (const os::NftChain& chain : TRY(os::NftListChains(socket, kFamily))) {
    const bool ours = std::ranges::find(kOurChains, chain.name) != std::end(kOurChains);
    if (chain.family == kFamily && chain.table == kTable && ours) there.push_back(chain.name);
  }
  return there;
}

// Of the chains that are ours alone; what the administrator has is his.
Result<bool> HasEveryRule(os::NetlinkSocket& socket) {
  os::NftBatch whole(kFamily);
  AddLayout(whole, {});
  std::size_t there = 0;
  for (const auto& [chain, count] : TRY(os::NftCountRules(socket, kFamily, kTable)))
    if (std::ranges::find(kOurChains, chain) != std::end(kOurChains)) there += count;
  return there >= whole.rules();
}

// What a kernel says that has no nf_tables: that there is no such netlink, no such part of it, no such family.
Status WithHint(Status made) {
  if (made.ok()) return made;
  const int errnum = made.error().errnum();
  const bool missing = errnum == EPROTONOSUPPORT || errnum == EINVAL || errnum == EOPNOTSUPP || errnum == EAFNOSUPPORT;
  if (!missing) return made;
  return std::move(made).error().Hint("bridge networks need nf_tables: a kernel with CONFIG_NF_TABLES and "
                                      "CONFIG_NF_TABLES_INET; or --network host");
}

Status MakeTable(bool repair) {
  const std::string what = "set up nft table 'estiba'";
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_NETFILTER), what);
  if (!repair && TRY_CTX(os::NftHasChain(socket, kFamily, kTable, kLayout), what)) return Ok();
  for (unsigned tries = 1;; ++tries) {
    // The generation makes looking and making one step: if anybody changes a table in between, we look again.
    const std::uint32_t generation = TRY_CTX(os::NftGeneration(socket), what);
    const bool marked = TRY(os::NftHasChain(socket, kFamily, kTable, kLayout));
    if (marked && (!repair || TRY(HasEveryRule(socket)))) return Ok();
    const std::vector<std::string> there = TRY(ChainsThere(socket));
    os::NftBatch batch(kFamily, generation);
    AddLayout(batch, there);
    Status status = batch.Commit(socket, what);
    if (status.ok() || status.error().errnum() != ERESTART || tries == kMaxTries) return status;
  }
}

}  // namespace

std::string InterfaceKey(const std::string& name) {
  std::string key = name;
  key.resize(kInterfaceBytes);
  return key;
}

TableElement ElementFor(const PublishedPort& port) {
  const bool v6 = port.container_ip.v6;
  const std::string protocol = ProtocolBytes(port.protocol);
  const std::string target = port.container_ip.Bytes() + PortBytes(port.container_port);
  if (port.IsOpened()) return {v6 ? kOpened6 : kOpened, {protocol + target, {}, false}};
  if (port.host_ip.IsAny())
    return {v6 ? kPublishedAny6 : kPublishedAny, {protocol + PortBytes(port.host_port), target, false}};
  return {v6 ? kPublished6 : kPublished,
          {protocol + port.host_ip.Bytes() + PortBytes(port.host_port), target, false}};
}

Result<PublishedPort> PortFrom(const std::string& set, const os::NftElement& element) {
  const bool v6 = set == kPublished6 || set == kPublishedAny6 || set == kOpened6;
  const bool any = set == kPublishedAny || set == kPublishedAny6;
  const bool opened = set == kOpened || set == kOpened6;
  const std::size_t length = v6 ? 16 : 4;
  if (element.key.size() != (any ? 8U : 8 + length) || element.data.size() != (opened ? 0U : 4 + length))
    return Error(Code::kDataLoss, "unexpected element in nft set '" + set + "'");
  const auto protocol = FindProtocol(static_cast<unsigned char>(element.key[0]));
  if (!protocol) return Error(Code::kDataLoss, "unexpected protocol in nft set '" + set + "'");
  PublishedPort port;
  port.protocol = *protocol;
  const std::string& target = opened ? element.key : element.data;
  const std::size_t at = opened ? 4 : 0;
  port.container_ip = TRY(Ip::FromBytes(std::string_view(target).substr(at, length)));
  port.container_port = PortAt(target, at + length);
  port.host_ip.v6 = v6;
  if (opened) return port;
  if (!any) port.host_ip = TRY(Ip::FromBytes(std::string_view(element.key).substr(4, length)));
  port.host_port = PortAt(element.key, any ? 4 : 4 + length);
  return port;
}

std::vector<TableElement> ElementsOf(const BridgeSpec& bridge) {
  const std::string name = InterfaceKey(bridge.name);
  std::vector<TableElement> elements = {{kBridges, {name, {}, false}}};
  if (bridge.connects) elements.push_back({kSameBridge, {name + name, {}, false}});
  if (bridge.internal) elements.push_back({kInternal, {name, {}, false}});
  for (const std::string& from : bridge.trusted)
    elements.push_back({kTrusted, {InterfaceKey(from) + name, {}, false}});
  for (const bool v6 : {false, true}) {
    const bool guarded =
        std::ranges::any_of(bridge.gateways, [&](const IpPrefix& one) { return one.address.v6 == v6; });
    if (guarded) elements.push_back({kGuarded, {FamilyKey(v6, bridge.name), {}, false}});
    const GatewayMode mode = v6 ? bridge.mode_ipv6 : bridge.mode_ipv4;
    if (mode == GatewayMode::kNatUnprotected)
      elements.push_back({kUnprotected, {FamilyKey(v6, bridge.name), {}, false}});
    if (mode == GatewayMode::kRouted) elements.push_back({kRouted, {FamilyKey(v6, bridge.name), {}, false}});
  }
  for (const IpPrefix& subnet : bridge.Subnets()) {
    const bool v6 = subnet.address.v6;
    AddInterval(elements, v6 ? kSubnets6 : kSubnets, subnet);
    const auto& source = v6 ? bridge.source_ipv6 : bridge.source_ipv4;
    if (bridge.Masquerades(v6) && source)
      AddInterval(elements, v6 ? kSourced6 : kSourced, subnet, source->Bytes());
    else if (bridge.Masquerades(v6)) AddInterval(elements, v6 ? kMasqueraded6 : kMasqueraded, subnet);
  }
  return elements;
}

Status EnsureTable(bool repair) { return WithHint(MakeTable(repair)); }

Status DeleteTable() {
  const std::string what = "delete nft table 'estiba'";
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  const std::vector<std::string> there = TRY(ChainsThere(socket));
  // Fails, all of it, when the administrator has rules.
  os::NftBatch all(kFamily);
  for (const std::string& chain : there) all.DeleteRules(kTable, chain);
  all.DeleteChain(kTable, kAdministrator).DeleteTable(kTable);
  Status status = all.Commit(socket, what);
  if (status.ok()) return status;
  if (status.error().errnum() == EBUSY) {
    if (!TRY(os::NftHasChain(socket, kFamily, kTable, kLayout))) return Ok();  // nothing is left but that
    os::NftBatch ours(kFamily);
    RemoveLayout(ours, there);
    return ours.Commit(socket, what);
  }
  if (status.error().errnum() != ENOENT) return status;
  // No such table, or no such chain in it: of an earlier layout.
  os::NftBatch table(kFamily);
  table.DeleteTable(kTable);
  status = table.Commit(socket, what);
  if (!status.ok() && status.error().errnum() == ENOENT) return Ok();
  return status;
}

}  // namespace estiba::net
