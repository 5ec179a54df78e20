#include "table.h"

#include <cerrno>

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace estiba::net {
namespace {

using os::NftHook;
using os::NftRegister;
using os::NftRule;
using os::NftSet;

// Numbers of nft(8)'s data types; a concatenation packs them six bits each.
constexpr std::uint32_t kTypeIpv4 = 7, kTypeProtocol = 12, kTypePort = 13, kTypeInterface = 41;
constexpr std::uint32_t Concat(std::uint32_t a, std::uint32_t b) { return a << 6 | b; }

constexpr std::size_t kInterfaceBytes = 16;
constexpr unsigned kMaxTries = 8;
constexpr std::uint32_t kEstablishedOrRelated = 1U << 1 | 1U << 2;  // NF_CT_STATE_BIT

// Ids of the sets inside the transaction that makes them.
enum SetId : std::uint32_t { kBridgesId = 1, kSameBridgeId, kSubnetsId, kMasqueradedId, kPublishedId, kPublishedAnyId };

const NftRegister kR0{0}, kR1{1}, kR2{2}, kR3{3}, kR4{4};

template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Pieces of rules. Registers are reused freely: each rule stands alone.
NftRule& MatchIpv4(NftRule& rule) {
  return rule.Meta(NFT_META_NFPROTO, kR0).Equal(kR0, Raw(std::uint8_t{NFPROTO_IPV4}));
}
NftRule& MatchToHost(NftRule& rule) {
  return rule.FibDestinationType(kR0).Equal(kR0, Raw(std::uint32_t{RTN_LOCAL}));
}
NftRule& MatchCt(NftRule& rule, std::uint32_t key, std::uint32_t bits) {
  return rule.Ct(key, kR0).Mask(kR0, Raw(bits)).NotEqual(kR0, Raw(std::uint32_t{0}));
}
NftRule& MatchLoopbackAddress(NftRule& rule, std::uint32_t offset) {
  return rule.Payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, kR0)
      .Mask(kR0, std::string_view("\xff\0\0\0", 4))
      .Equal(kR0, std::string_view("\x7f\0\0\0", 4));
}
constexpr std::uint32_t kSourceOffset = 12, kDestinationOffset = 16;  // of the IPv4 header
constexpr std::uint32_t kDestinationPortOffset = 2;                   // of TCP's and UDP's

NftRule& MatchInterface(NftRule& rule, std::uint32_t key, bool invert = false) {
  return rule.Meta(key, kR0).Lookup(kBridges, kBridgesId, kR0, invert);
}
NftRule& MatchSubnet(NftRule& rule, const char* set, SetId id) {
  return rule.Payload(NFT_PAYLOAD_NETWORK_HEADER, kSourceOffset, 4, kR0).Lookup(set, id, kR0);
}
// proto . address . port in three registers, the mapping's target in two more.
NftRule& LookUpPublished(NftRule& rule) {
  return rule.Meta(NFT_META_L4PROTO, kR0)
      .Payload(NFT_PAYLOAD_NETWORK_HEADER, kDestinationOffset, 4, kR1)
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, 2, kR2)
      .LookupInto(kPublished, kPublishedId, kR0, kR3);
}

void AddSets(os::NftBatch& batch) {
  NftSet bridges{kBridges, kBridgesId, kTypeInterface, kInterfaceBytes};
  NftSet same{kSameBridge, kSameBridgeId, Concat(kTypeInterface, kTypeInterface), 2 * kInterfaceBytes};
  NftSet subnets{kSubnets, kSubnetsId, kTypeIpv4, 4, /*interval=*/true};
  NftSet masqueraded{kMasqueraded, kMasqueradedId, kTypeIpv4, 4, /*interval=*/true};
  bridges.host_order_key = true;
  const std::uint32_t target = Concat(kTypeIpv4, kTypePort);
  NftSet published{kPublished, kPublishedId, Concat(Concat(kTypeProtocol, kTypeIpv4), kTypePort), 12, false, target, 8};
  NftSet any{kPublishedAny, kPublishedAnyId, Concat(kTypeProtocol, kTypePort), 8, false, target, 8};
  for (const NftSet& set : {bridges, same, subnets, masqueraded, published, any}) batch.AddSet(kTable, set);
}

// DNAT of what is addressed to the host: one look-up for a port of one address, one for a port of all of them.
void AddPublishing(os::NftBatch& batch) {
  batch.AddChain(kTable, "publish");
  NftRule one;
  LookUpPublished(one).DestinationNat(kR3, kR4);
  NftRule any;
  any.Meta(NFT_META_L4PROTO, kR0)
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, 2, kR1)
      .LookupInto(kPublishedAny, kPublishedAnyId, kR0, kR3)
      .DestinationNat(kR3, kR4);
  batch.AddRule(kTable, "publish", one).AddRule(kTable, "publish", any);
  for (const auto& [chain, hook] :
       {std::pair("prerouting", NF_INET_PRE_ROUTING), std::pair("output", NF_INET_LOCAL_OUT)}) {
    batch.AddChain(kTable, chain, NftHook{"nat", static_cast<std::uint32_t>(hook), -100});
    NftRule jump;
    MatchToHost(MatchIpv4(jump)).Jump("publish");
    batch.AddRule(kTable, chain, jump);
  }
}

// route_localnet on the bridges lets 127.0.0.1 pass routing, so what must not use it is dropped before: containers,
// and whoever asks a port published on 127.0.0.1 from outside.
void AddLoopbackGuard(os::NftBatch& batch) {
  batch.AddChain(kTable, "guard", NftHook{"filter", NF_INET_PRE_ROUTING, -300});
  NftRule from_container;
  MatchInterface(MatchLoopbackAddress(MatchIpv4(from_container), kDestinationOffset), NFT_META_IIFNAME).Drop();
  NftRule from_outside;
  MatchLoopbackAddress(MatchIpv4(from_outside), kDestinationOffset)
      .Meta(NFT_META_IIFNAME, kR0)
      .NotEqual(kR0, InterfaceKey("lo"));
  LookUpPublished(from_outside).Drop();
  batch.AddRule(kTable, "guard", from_container).AddRule(kTable, "guard", from_outside);
}

// Into a bridge goes what stays on it, answers, and what came through a published port. Nothing else: neither other
// networks of ours nor hosts that route to us.
void AddForwarding(os::NftBatch& batch) {
  batch.AddChain(kTable, "to_bridge");
  NftRule same;
  same.Meta(NFT_META_IIFNAME, kR0).Meta(NFT_META_OIFNAME, kR4).Lookup(kSameBridge, kSameBridgeId, kR0).Accept();
  NftRule answers;
  MatchCt(answers, NFT_CT_STATE, kEstablishedOrRelated).Accept();
  NftRule published;
  MatchCt(published, NFT_CT_STATUS, IPS_DST_NAT).Accept();
  NftRule rest;
  rest.Drop();
  for (const NftRule* rule : {&same, &answers, &published, &rest}) batch.AddRule(kTable, "to_bridge", *rule);
  batch.AddChain(kTable, "forward", NftHook{"filter", NF_INET_FORWARD, 0});
  NftRule jump;
  MatchInterface(jump, NFT_META_OIFNAME).Jump("to_bridge");
  batch.AddRule(kTable, "forward", jump);
}

void AddMasquerading(os::NftBatch& batch) {
  batch.AddChain(kTable, "postrouting", NftHook{"nat", NF_INET_POST_ROUTING, 100});
  NftRule outward;
  MatchInterface(MatchSubnet(MatchIpv4(outward), kMasqueraded, kMasqueradedId), NFT_META_OIFNAME, /*invert=*/true)
      .Masquerade();
  // A container that comes back in through a published port: the answer must come back through us, too.
  NftRule hairpin;
  MatchInterface(MatchSubnet(MatchIpv4(hairpin), kSubnets, kSubnetsId), NFT_META_OIFNAME);
  MatchCt(hairpin, NFT_CT_STATUS, IPS_DST_NAT).Masquerade();
  // The host's own connections to 127.0.0.1:PORT cannot leave with that source.
  NftRule loopback;
  MatchInterface(MatchLoopbackAddress(MatchIpv4(loopback), kSourceOffset), NFT_META_OIFNAME).Masquerade();
  for (const NftRule* rule : {&outward, &hairpin, &loopback}) batch.AddRule(kTable, "postrouting", *rule);
}

std::string PortBytes(std::uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff), '\0', '\0'};
}
std::uint16_t PortAt(const std::string& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}
Ipv4 AddressAt(const std::string& bytes, std::size_t at) {
  return Ipv4{std::uint32_t{PortAt(bytes, at)} << 16 | PortAt(bytes, at + 2)};
}

}  // namespace

std::string InterfaceKey(const std::string& name) {
  std::string key = name;
  key.resize(kInterfaceBytes);
  return key;
}

std::vector<os::NftElement> IntervalElements(const Subnet& subnet) {
  std::vector<os::NftElement> elements{{subnet.First().Bytes(), {}, false}};
  const Ipv4 end{subnet.Last().value + 1};
  if (!end.IsAny()) elements.push_back({end.Bytes(), {}, /*interval_end=*/true});
  return elements;
}

PublishedElement ElementFor(const PublishedPort& port) {
  std::string key = Raw(std::uint32_t{htole32(static_cast<std::uint32_t>(port.protocol))});
  if (!port.host_ip.IsAny()) key += port.host_ip.Bytes();
  key += PortBytes(port.host_port);
  return {port.host_ip.IsAny() ? kPublishedAny : kPublished,
          {std::move(key), port.container_ip.Bytes() + PortBytes(port.container_port), false}};
}

Result<PublishedPort> PortFrom(const std::string& map, const os::NftElement& element) {
  const bool any = map == kPublishedAny;
  if (element.key.size() != (any ? 8U : 12U) || element.data.size() != 8)
    return Error(Code::kDataLoss, "unexpected element in nft map '" + map + "'");
  const auto protocol = static_cast<unsigned char>(element.key[0]);
  if (protocol != static_cast<unsigned char>(Protocol::kTcp) && protocol != static_cast<unsigned char>(Protocol::kUdp))
    return Error(Code::kDataLoss, "unexpected protocol in nft map '" + map + "'");
  PublishedPort port;
  port.protocol = static_cast<Protocol>(protocol);
  if (!any) port.host_ip = AddressAt(element.key, 4);
  port.host_port = PortAt(element.key, any ? 4 : 8);
  port.container_ip = AddressAt(element.data, 0);
  port.container_port = PortAt(element.data, 4);
  return port;
}

void AddBridgeElements(os::NftBatch& batch, const BridgeSpec& bridge) {
  const std::string name = InterfaceKey(bridge.name);
  batch.AddElements(kTable, kBridges, {{name, {}, false}});
  batch.AddElements(kTable, kSameBridge, {{name + name, {}, false}});
  batch.AddElements(kTable, kSubnets, IntervalElements(bridge.subnet));
  if (bridge.masquerade) batch.AddElements(kTable, kMasqueraded, IntervalElements(bridge.subnet));
}

Status EnsureTable() {
  os::NetlinkSocket socket = TRY_CTX(os::NetlinkSocket::Open(NETLINK_NETFILTER), "set up nft table 'estiba'");
  for (unsigned tries = 1;; ++tries) {
    // The generation makes looking and making one step: if anybody changes a table in between, we look again.
    const std::uint32_t generation = TRY(os::NftGeneration(socket));
    if (TRY(os::NftHasChain(socket, kFamily, kTable, kLayout))) return Ok();
    os::NftBatch batch(kFamily, generation);
    // Add, delete, add: an empty table whether there was one (of another layout) or not.
    batch.AddTable(kTable).DeleteTable(kTable).AddTable(kTable).AddChain(kTable, kLayout);
    AddSets(batch);
    AddPublishing(batch);
    AddLoopbackGuard(batch);
    AddForwarding(batch);
    AddMasquerading(batch);
    Status status = batch.Commit(socket, "set up nft table 'estiba'");
    if (status.ok() || status.error().errnum() != ERESTART || tries == kMaxTries) return status;
  }
}

Status DeleteTable() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  os::NftBatch batch(kFamily);
  batch.DeleteTable(kTable);
  Status status = batch.Commit(socket, "delete nft table 'estiba'");
  if (!status.ok() && status.error().errnum() == ENOENT) return Ok();
  return status;
}

}  // namespace estiba::net
