// A node's rules in nft(8)'s language. rules.cc makes the same of messages; a test holds the two together.

#include "lab/plan.h"

namespace estiba::lab {
namespace {

constexpr std::string_view kInet = "inet lab ";

std::string Chain(const std::string& name, const std::string& type, const std::string& hook,
                  const std::string& priority, bool drop) {
  return "add chain " + std::string(kInet) + name + " { type " + type + " hook " + hook + " priority " + priority +
         "; policy " + (drop ? "drop" : "accept") + "; }\n";
}

std::string Family(const Ip& address) { return address.v6 ? "ip6" : "ip"; }

// A whole address is written without its length.
std::string Match(const IpPrefix& prefix, const std::string& which) {
  const IpPrefix network = prefix.Network();
  const bool whole = network.length == network.address.Bits();
  return Family(network.address) + " " + which + " " + (whole ? ToString(network.address) : ToString(network)) + " ";
}

std::string ProtocolText(const FirewallRule& rule) {
  if (rule.protocol.empty()) return {};
  if (rule.port != 0) return rule.protocol + " dport " + std::to_string(rule.port) + " ";
  return "meta l4proto " + (rule.protocol == "icmpv6" ? "ipv6-icmp" : rule.protocol) + " ";
}

std::string RuleText(const FirewallRule& rule) {
  std::string text;
  if (!rule.in.empty()) text += "iifname \"" + rule.in + "\" ";
  if (!rule.out.empty()) text += "oifname \"" + rule.out + "\" ";
  if (rule.from) text += Match(*rule.from, "saddr");
  if (rule.to) text += Match(*rule.to, "daddr");
  if (rule.established) text += "ct state established,related ";
  return text + ProtocolText(rule) + (rule.accept ? "accept" : "drop");
}

std::string PublishText(const Publish& publish) {
  const std::string address = publish.to.v6 ? "[" + ToString(publish.to) + "]" : ToString(publish.to);
  return std::string("meta nfproto ") + (publish.to.v6 ? "ipv6" : "ipv4") + " iifname \"" + publish.in + "\" " +
         publish.protocol + " dport " + std::to_string(publish.port) + " dnat " + Family(publish.to) + " to " +
         address + ":" + std::to_string(publish.to_port);
}

}  // namespace

std::string RulesText(const Node& node) {
  if (node.firewall.empty() && node.masquerade.empty() && node.publish.empty()) return {};
  const std::string rule = "add rule " + std::string(kInet);
  std::string text = "add table inet lab\n";
  for (const FirewallChain& chain : node.firewall) {
    text += Chain(chain.hook, "filter", chain.hook, "filter", chain.drop_by_default);
    for (const FirewallRule& one : chain.rules) text += rule + chain.hook + " " + RuleText(one) + "\n";
  }
  if (!node.publish.empty()) text += Chain("prerouting", "nat", "prerouting", "dstnat", false);
  for (const Publish& publish : node.publish) text += rule + "prerouting " + PublishText(publish) + "\n";
  if (!node.masquerade.empty()) text += Chain("postrouting", "nat", "postrouting", "srcnat", false);
  for (const std::string& interface : node.masquerade)
    text += rule + "postrouting meta nfproto ipv4 oifname \"" + interface + "\" masquerade\n";
  return text;
}

}  // namespace estiba::lab
