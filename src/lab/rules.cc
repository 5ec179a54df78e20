#include "rules.h"

#include <linux/in6.h>
#include <linux/netfilter.h>  // and with it linux/in.h, which netinet/in.h does not bear
#include <linux/netfilter/nf_tables.h>

namespace estiba::lab {
namespace {

using os::NftHook;
using os::NftRegister;
using os::NftRule;

const NftRegister kR0{0}, kR4{4};                                   // addresses of IPv6 take four
constexpr std::uint32_t kEstablishedOrRelated = 1U << 1 | 1U << 2;  // NF_CT_STATE_BIT
constexpr std::uint32_t kDestinationPortOffset = 2;                 // of TCP's and UDP's
constexpr std::int32_t kDestinationNat = -100, kFilter = 0, kSourceNat = 100;

template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string InterfaceBytes(const std::string& name) {
  std::string bytes = name;
  bytes.resize(16);
  return bytes;
}

std::string PortBytes(std::uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)}; }

void MatchFamily(NftRule& rule, bool v6) {
  const std::uint8_t family = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  rule.Meta(NFT_META_NFPROTO, kR0).Equal(kR0, Raw(family));
}

void MatchProtocol(NftRule& rule, const std::string& protocol) {
  const std::uint8_t number = protocol == "tcp"    ? IPPROTO_TCP
                              : protocol == "udp"  ? IPPROTO_UDP
                              : protocol == "icmp" ? IPPROTO_ICMP
                                                   : IPPROTO_ICMPV6;
  rule.Meta(NFT_META_L4PROTO, kR0).Equal(kR0, Raw(number));
}

void MatchPort(NftRule& rule, std::uint16_t port) {
  rule.Payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, 2, kR0).Equal(kR0, PortBytes(port));
}

void MatchAddress(NftRule& rule, const IpPrefix& prefix, bool source) {
  const bool v6 = prefix.address.v6;
  const std::uint32_t length = v6 ? 16 : 4;
  const std::uint32_t offset = (v6 ? 8 : 12) + (source ? 0 : length);
  IpPrefix all{Ip{v6, {}}, prefix.length};
  all.address.bytes.fill(0xff);
  rule.Payload(NFT_PAYLOAD_NETWORK_HEADER, offset, length, kR0);
  if (prefix.length != prefix.address.Bits()) rule.Mask(kR0, all.Network().address.Bytes());
  rule.Equal(kR0, prefix.Network().address.Bytes());
}

NftRule RuleOf(const FirewallRule& one) {
  NftRule rule;
  if (!one.in.empty()) rule.Meta(NFT_META_IIFNAME, kR0).Equal(kR0, InterfaceBytes(one.in));
  if (!one.out.empty()) rule.Meta(NFT_META_OIFNAME, kR0).Equal(kR0, InterfaceBytes(one.out));
  if (one.from || one.to) MatchFamily(rule, (one.from ? one.from : one.to)->address.v6);
  if (one.from) MatchAddress(rule, *one.from, /*source=*/true);
  if (one.to) MatchAddress(rule, *one.to, /*source=*/false);
  if (one.established)
    rule.Ct(NFT_CT_STATE, kR0).Mask(kR0, Raw(kEstablishedOrRelated)).NotEqual(kR0, Raw(std::uint32_t{0}));
  if (!one.protocol.empty()) MatchProtocol(rule, one.protocol);
  if (one.port != 0) MatchPort(rule, one.port);
  one.accept ? rule.Accept() : rule.Drop();
  return rule;
}

NftRule RuleOf(const Publish& publish) {
  NftRule rule;
  MatchFamily(rule, publish.to.v6);
  rule.Meta(NFT_META_IIFNAME, kR0).Equal(kR0, InterfaceBytes(publish.in));
  MatchProtocol(rule, publish.protocol);
  MatchPort(rule, publish.port);
  rule.Load(kR0, publish.to.Bytes()).Load(kR4, PortBytes(publish.to_port));
  return rule.DestinationNat(publish.to.v6 ? NFPROTO_IPV6 : NFPROTO_IPV4, kR0, kR4);
}

std::uint32_t HookOf(const std::string& name) {
  if (name == "input") return NF_INET_LOCAL_IN;
  return name == "forward" ? NF_INET_FORWARD : NF_INET_LOCAL_OUT;
}

}  // namespace

void PutRules(os::NftBatch& batch, const Node& node) {
  const std::string table(kTable);
  batch.AddTable(table);
  for (const FirewallChain& chain : node.firewall) {
    batch.AddChain(table, chain.hook, NftHook{"filter", HookOf(chain.hook), kFilter, chain.drop_by_default});
    for (const FirewallRule& rule : chain.rules) batch.AddRule(table, chain.hook, RuleOf(rule));
  }
  if (!node.publish.empty()) batch.AddChain(table, "prerouting", NftHook{"nat", NF_INET_PRE_ROUTING, kDestinationNat});
  for (const Publish& publish : node.publish) batch.AddRule(table, "prerouting", RuleOf(publish));
  if (!node.masquerade.empty()) batch.AddChain(table, "postrouting", NftHook{"nat", NF_INET_POST_ROUTING, kSourceNat});
  for (const std::string& interface : node.masquerade) {
    NftRule rule;
    MatchFamily(rule, /*v6=*/false);
    rule.Meta(NFT_META_OIFNAME, kR0).Equal(kR0, InterfaceBytes(interface)).Masquerade();
    batch.AddRule(table, "postrouting", rule);
  }
}

void PutLoss(os::NftBatch& batch, const Lose& lose) {
  const std::string table(kTable), chain = "loss" + std::to_string(lose.number);
  NftHook hook{"filter", NF_NETDEV_INGRESS, kFilter};
  hook.device = lose.interface;
  NftRule rule;
  rule.Chance(lose.loss, 10000, kR0).Drop();
  batch.AddTable(table).AddChain(table, chain, hook).AddRule(table, chain, rule);
}

}  // namespace estiba::lab
