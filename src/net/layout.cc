// The chains and sets of the table. Containers and networks are elements, so this never grows.

#include <cstdint>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include "table.h"

namespace estiba::net {
namespace {

using os::NftHook;
using os::NftRegister;
using os::NftRule;
using os::NftSet;

// Numbers of nft(8)'s data types; a concatenation packs them six bits each.
constexpr std::uint32_t kTypeFamily = 2, kTypeIpv4 = 7, kTypeIpv6 = 8, kTypeProtocol = 12, kTypePort = 13,
                        kTypeInterface = 41;
constexpr std::uint32_t Concat(std::uint32_t a, std::uint32_t b) { return a << 6 | b; }

constexpr std::uint32_t kInterfaceBytes = 16;
constexpr std::uint8_t kIcmp = 1, kIcmp6 = 58;  // IPPROTO_…, whose headers of kernel and C library do not mix
constexpr std::uint32_t kEstablishedOrRelated = 1U << 1 | 1U << 2;  // NF_CT_STATE_BIT

const NftRegister kR0{0}, kR1{1}, kR2{2}, kR4{4}, kR5{5}, kR6{6}, kR8{8}, kR12{12};

template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Ids of the sets inside the transaction that makes them.
enum SetId : std::uint32_t {
  kBridgesId = 1, kSameBridgeId, kSubnetsId, kMasqueradedId, kPublishedId, kPublishedAnyId, kInternalId,
  kGuardedId, kUnprotectedId, kRoutedId, kTrustedId, kSubnets6Id, kMasqueraded6Id, kPublished6Id, kPublishedAny6Id,
  kOpenedId, kOpened6Id, kSourcedId, kSourced6Id,
};

// What differs between the families in rules that are otherwise the same.
struct Family {
  std::uint8_t number;           // NFPROTO_…
  std::uint32_t source;          // offsets in the header
  std::uint32_t destination;
  std::uint32_t length;          // of an address
  std::uint32_t type;
  const char* publish;           // chain
  const char *subnets, *masqueraded, *sourced, *published, *published_any, *opened;
  SetId subnets_id, masqueraded_id, sourced_id, published_id, published_any_id, opened_id;
};
constexpr Family kFour{NFPROTO_IPV4, 12, 16, 4, kTypeIpv4, "publish",
                       kSubnets, kMasqueraded, kSourced, kPublished, kPublishedAny, kOpened,
                       kSubnetsId, kMasqueradedId, kSourcedId, kPublishedId, kPublishedAnyId, kOpenedId};
constexpr Family kSix{NFPROTO_IPV6, 8, 24, 16, kTypeIpv6, "publish6",
                      kSubnets6, kMasqueraded6, kSourced6, kPublished6, kPublishedAny6, kOpened6,
                      kSubnets6Id, kMasqueraded6Id, kSourced6Id, kPublished6Id, kPublishedAny6Id, kOpened6Id};
constexpr std::uint32_t kDestinationPort = 2;  // of TCP's, UDP's and SCTP's header

// Pieces of rules. Registers are reused freely: each rule stands alone.
NftRule& MatchFamily(NftRule& rule, const Family& family) {
  return rule.Meta(NFT_META_NFPROTO, kR0).Equal(kR0, Raw(family.number));
}
NftRule& MatchToHost(NftRule& rule) {
  return rule.FibDestinationType(kR0).Equal(kR0, Raw(std::uint32_t{RTN_LOCAL}));
}
NftRule& MatchCt(NftRule& rule, std::uint32_t key, std::uint32_t bits) {
  return rule.Ct(key, kR0).Mask(kR0, Raw(bits)).NotEqual(kR0, Raw(std::uint32_t{0}));
}
NftRule& MatchLoopback(NftRule& rule, std::uint32_t offset) {
  return MatchFamily(rule, kFour)
      .Payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, kR0)
      .Mask(kR0, std::string_view("\xff\0\0\0", 4))
      .Equal(kR0, std::string_view("\x7f\0\0\0", 4));
}
NftRule& MatchInterface(NftRule& rule, std::uint32_t key, bool invert = false) {
  return rule.Meta(key, kR0).Lookup(kBridges, kBridgesId, kR0, invert);
}
NftRule& MatchSource(NftRule& rule, const Family& family, const char* set, SetId id) {
  return MatchFamily(rule, family)
      .Payload(NFT_PAYLOAD_NETWORK_HEADER, family.source, family.length, kR0)
      .Lookup(set, id, kR0);
}
// Where the packet goes to: proto . address . port, from register 0 on.
NftRule& LoadTarget(NftRule& rule, const Family& family) {
  return rule.Meta(NFT_META_L4PROTO, kR0)
      .Payload(NFT_PAYLOAD_NETWORK_HEADER, family.destination, family.length, kR1)
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPort, 2, family.length == 4 ? kR2 : kR5);
}
// family . bridge it goes out by
NftRule& MatchWayOut(NftRule& rule, const char* set, SetId id) {
  return rule.Meta(NFT_META_NFPROTO, kR0).Meta(NFT_META_OIFNAME, kR1).Lookup(set, id, kR0);
}
// interface it came in by . bridge it goes out by
NftRule& MatchWay(NftRule& rule, const char* set, SetId id) {
  return rule.Meta(NFT_META_IIFNAME, kR0).Meta(NFT_META_OIFNAME, kR4).Lookup(set, id, kR0);
}

class Layout {
 public:
  explicit Layout(os::NftBatch& batch) : batch_(batch) {}
  void AddSets();
  void AddPublishing();
  void AddGuard();
  void AddForwarding();
  void AddHostGuard();
  void AddMasquerading();

 private:
  void Add(const char* chain, const NftRule& rule) { batch_.AddRule(kTable, chain, rule); }
  void AddFamilySets(const Family& family);
  void AddPublish(const Family& family);
  void AddToBridge();
  void AddOpened();
  os::NftBatch& batch_;
};

void Layout::AddFamilySets(const Family& family) {
  const std::uint32_t length = family.length;
  const std::uint32_t place = Concat(Concat(kTypeProtocol, family.type), kTypePort);
  const std::uint32_t target = Concat(family.type, kTypePort);
  const NftSet sets[] = {
      {family.subnets, family.subnets_id, family.type, length, /*interval=*/true},
      {family.masqueraded, family.masqueraded_id, family.type, length, /*interval=*/true},
      {family.sourced, family.sourced_id, family.type, length, /*interval=*/true, family.type, length},
      {family.published, family.published_id, place, length + 8, false, target, length + 4},
      {family.published_any, family.published_any_id, Concat(kTypeProtocol, kTypePort), 8, false, target, length + 4},
      {family.opened, family.opened_id, place, length + 8},
  };
  for (const NftSet& set : sets) batch_.AddSet(kTable, set);
}

void Layout::AddSets() {
  const std::uint32_t pair = Concat(kTypeInterface, kTypeInterface);
  const std::uint32_t side = Concat(kTypeFamily, kTypeInterface);
  NftSet bridges{kBridges, kBridgesId, kTypeInterface, kInterfaceBytes};
  NftSet internal{kInternal, kInternalId, kTypeInterface, kInterfaceBytes};
  bridges.host_order_key = internal.host_order_key = true;
  const NftSet sets[] = {bridges, internal,
                         {kSameBridge, kSameBridgeId, pair, 2 * kInterfaceBytes},
                         {kTrusted, kTrustedId, pair, 2 * kInterfaceBytes},
                         {kGuarded, kGuardedId, side, 4 + kInterfaceBytes},
                         {kUnprotected, kUnprotectedId, side, 4 + kInterfaceBytes},
                         {kRouted, kRoutedId, side, 4 + kInterfaceBytes}};
  for (const NftSet& set : sets) batch_.AddSet(kTable, set);
  AddFamilySets(kFour);
  AddFamilySets(kSix);
}

// DNAT of what is addressed to the host: one look-up for a port of one address, one for a port of all of them.
void Layout::AddPublish(const Family& family) {
  batch_.AddChain(kTable, family.publish);
  const NftRegister address = kR8, port = family.length == 4 ? NftRegister{9} : kR12;
  NftRule one;
  LoadTarget(one, family)
      .LookupInto(family.published, family.published_id, kR0, address)
      .DestinationNat(family.number, address, port);
  NftRule any;
  any.Meta(NFT_META_L4PROTO, kR0)
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPort, 2, kR1)
      .LookupInto(family.published_any, family.published_any_id, kR0, address)
      .DestinationNat(family.number, address, port);
  Add(family.publish, one);
  Add(family.publish, any);
}

void Layout::AddPublishing() {
  AddPublish(kFour);
  AddPublish(kSix);
  const std::pair<const char*, std::uint32_t> hooks[] = {{"prerouting", NF_INET_PRE_ROUTING},
                                                         {"output", NF_INET_LOCAL_OUT}};
  for (const auto& [chain, hook] : hooks) {
    batch_.AddChain(kTable, chain, NftHook{"nat", hook, -100});
    for (const Family* family : {&kFour, &kSix}) {
      NftRule jump;
      MatchToHost(MatchFamily(jump, *family));
      // IPv6 has no route_localnet: what has ::1 as its source cannot leave, whatever it is translated to.
      if (family == &kSix)
        jump.Payload(NFT_PAYLOAD_NETWORK_HEADER, kSix.destination, kSix.length, kR0)
            .NotEqual(kR0, std::string(15, '\0') + '\1');
      jump.Jump(family->publish);
      Add(chain, jump);
    }
  }
}

// route_localnet on the bridges lets 127.0.0.1 pass routing, so what must not use it is dropped before: containers,
// and whoever asks a port published on 127.0.0.1 from outside. ::1 needs no guard: the kernel takes it on lo only.
// What comes from a bridge with an address that does not lead back there pretends to be another. (Of frames that only
// pass through a bridge br_netfilter asks, too: one without an address of its own cannot tell.)
void Layout::AddGuard() {
  batch_.AddChain(kTable, "guard", NftHook{"filter", NF_INET_PRE_ROUTING, -300});
  NftRule from_container;
  MatchInterface(MatchLoopback(from_container, kFour.destination), NFT_META_IIFNAME).Drop();
  NftRule from_outside;
  MatchLoopback(from_outside, kFour.destination).Meta(NFT_META_IIFNAME, kR0).NotEqual(kR0, InterfaceKey("lo"));
  LoadTarget(from_outside, kFour).LookupInto(kPublished, kPublishedId, kR0, kR8).Drop();
  NftRule spoofed;
  spoofed.Meta(NFT_META_NFPROTO, kR0)
      .Meta(NFT_META_IIFNAME, kR1)
      .Lookup(kGuarded, kGuardedId, kR0)
      .Fib(NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF, kR0)
      .Equal(kR0, Raw(std::uint32_t{0}))
      .Drop();
  for (const NftRule* rule : {&from_container, &from_outside, &spoofed}) Add("guard", *rule);
}

void Layout::AddOpened() {
  batch_.AddChain(kTable, "opened_ports");
  for (const Family* family : {&kFour, &kSix}) {
    NftRule port;
    LoadTarget(MatchFamily(port, *family), *family).Lookup(family->opened, family->opened_id, kR0).Accept();
    Add("opened_ports", port);
  }
  batch_.AddChain(kTable, "to_routed");
  for (const std::uint8_t protocol : {kIcmp, kIcmp6}) {
    NftRule icmp;
    icmp.Meta(NFT_META_L4PROTO, kR0).Equal(kR0, Raw(protocol)).Accept();
    Add("to_routed", icmp);
  }
  NftRule ports;
  ports.Jump("opened_ports");
  Add("to_routed", ports);
}

// Into a bridge goes what stays on it, answers, what came through a published port, and what a network's mode lets in.
// Nothing else: neither other networks of ours nor hosts that route to us.
void Layout::AddToBridge() {
  batch_.AddChain(kTable, "to_bridge");
  NftRule same;
  MatchWay(same, kSameBridge, kSameBridgeId).Accept();
  NftRule into_internal;
  into_internal.Meta(NFT_META_OIFNAME, kR0).Lookup(kInternal, kInternalId, kR0).Drop();
  NftRule out_of_internal;
  out_of_internal.Meta(NFT_META_IIFNAME, kR0).Lookup(kInternal, kInternalId, kR0).Drop();
  NftRule answers;
  MatchCt(answers, NFT_CT_STATE, kEstablishedOrRelated).Accept();
  NftRule published;
  MatchCt(published, NFT_CT_STATUS, IPS_DST_NAT).Accept();
  NftRule unprotected;
  MatchWayOut(unprotected, kUnprotected, kUnprotectedId).Accept();
  NftRule routed;
  MatchWayOut(routed, kRouted, kRoutedId).Jump("to_routed");
  NftRule trusted;
  MatchWay(trusted, kTrusted, kTrustedId).Jump("opened_ports");
  NftRule rest;
  rest.Drop();
  for (const NftRule* rule : {&same, &into_internal, &out_of_internal, &answers, &published, &unprotected, &routed,
                              &trusted, &rest})
    Add("to_bridge", *rule);
}

void Layout::AddForwarding() {
  AddOpened();
  AddToBridge();
  batch_.AddChain(kTable, "forward", NftHook{"filter", NF_INET_FORWARD, 0});
  NftRule administrator;
  administrator.Jump(kAdministrator);
  NftRule to_bridge;
  MatchInterface(to_bridge, NFT_META_OIFNAME).Jump("to_bridge");
  NftRule out_of_internal;
  out_of_internal.Meta(NFT_META_IIFNAME, kR0).Lookup(kInternal, kInternalId, kR0).Drop();
  for (const NftRule* rule : {&administrator, &to_bridge, &out_of_internal}) Add("forward", *rule);
}

// Of the host, an internal network reaches the gateway's addresses and no others.
void Layout::AddHostGuard() {
  batch_.AddChain(kTable, "input", NftHook{"filter", NF_INET_LOCAL_IN, 0});
  NftRule elsewhere;
  elsewhere.Meta(NFT_META_IIFNAME, kR0)
      .Lookup(kInternal, kInternalId, kR0)
      .Fib(NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF, kR0);
  for (const std::uint32_t type : {RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST, RTN_ANYCAST})
    elsewhere.NotEqual(kR0, Raw(type));
  elsewhere.Drop();
  Add("input", elsewhere);
}

void Layout::AddMasquerading() {
  batch_.AddChain(kTable, "postrouting", NftHook{"nat", NF_INET_POST_ROUTING, 100});
  for (const Family* family : {&kFour, &kSix}) {
    NftRule as_told;
    MatchFamily(as_told, *family)
        .Payload(NFT_PAYLOAD_NETWORK_HEADER, family->source, family->length, kR0)
        .LookupInto(family->sourced, family->sourced_id, kR0, kR8);
    MatchInterface(as_told, NFT_META_OIFNAME, /*invert=*/true).SourceNat(family->number, kR8);
    NftRule outward;
    MatchInterface(MatchSource(outward, *family, family->masqueraded, family->masqueraded_id), NFT_META_OIFNAME,
                   /*invert=*/true)
        .Masquerade();
    // A container that comes back in through a published port: the answer must come back through us, too.
    NftRule hairpin;
    MatchInterface(MatchSource(hairpin, *family, family->subnets, family->subnets_id), NFT_META_OIFNAME);
    MatchCt(hairpin, NFT_CT_STATUS, IPS_DST_NAT).Masquerade();
    Add("postrouting", as_told);
    Add("postrouting", outward);
    Add("postrouting", hairpin);
  }
  // The host's own connections to 127.0.0.1:PORT cannot leave with that source.
  NftRule loopback;
  MatchInterface(MatchLoopback(loopback, kFour.source), NFT_META_OIFNAME).Masquerade();
  Add("postrouting", loopback);
}

}  // namespace

namespace {

// The rules first: chains that are jumped to cannot go.
void DeleteChains(os::NftBatch& batch, const std::vector<std::string>& chains) {
  for (const std::string& chain : chains) batch.DeleteRules(kTable, chain);
  for (const std::string& chain : chains) batch.DeleteChain(kTable, chain);
}

}  // namespace

void AddLayout(os::NftBatch& batch, const std::vector<std::string>& chains) {
  DeleteChains(batch, chains);
  batch.AddTable(kTable).AddChain(kTable, kAdministrator).AddChain(kTable, kLayout);
  for (const char* earlier : kEarlierLayouts) batch.AddChain(kTable, earlier);
  Layout layout(batch);
  layout.AddSets();
  layout.AddPublishing();
  layout.AddGuard();
  layout.AddForwarding();
  layout.AddHostGuard();
  layout.AddMasquerading();
}

void RemoveLayout(os::NftBatch& batch, const std::vector<std::string>& chains) {
  DeleteChains(batch, chains);
  for (const char* earlier : kEarlierLayouts) batch.DeleteChain(kTable, earlier);
  batch.DeleteChain(kTable, kLayout);
  for (const char* set : {kBridges, kSameBridge, kInternal, kGuarded, kUnprotected, kRouted, kTrusted})
    batch.DeleteSet(kTable, set);
  for (const Family* family : {&kFour, &kSix})
    for (const char* set : {family->subnets, family->masqueraded, family->sourced, family->published,
                            family->published_any, family->opened})
      batch.DeleteSet(kTable, set);
}

}  // namespace estiba::net
