// What only the whole file tells.

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/text.h"
#include "parse.h"

namespace estiba::lab {
namespace {

constexpr unsigned kMinMtu6 = 1280;

std::string EndName(const Lab& lab, const End& end) { return lab.NodeOf(end).name + ":" + end.interface; }

// Interfaces are unique in their node, addresses and hardware addresses in the lab.
Status CheckUnique(const Lab& lab) {
  std::map<std::string, unsigned> interfaces;
  std::map<Ip, std::string> addresses;
  std::map<net::Mac, std::string> macs;
  for (const Link& link : lab.links)
    for (const End& end : link.ends) {
      const std::string name = EndName(lab, end);
      if (const auto [first, fresh] = interfaces.emplace(name, link.line); !fresh)
        return WrongAt(lab.file, link.line,
                       "the interface '" + name + "' is the end of the link of line " + std::to_string(first->second) +
                           " already; name another");
      if (const auto [first, fresh] = macs.emplace(end.mac, name); !fresh)
        return WrongAt(lab.file, link.line,
                       "'" + name + "' and '" + first->second + "' have the same address " + net::ToString(end.mac));
      for (const IpPrefix& address : end.addresses)
        if (const auto [first, fresh] = addresses.emplace(address.address, name); !fresh)
          return WrongAt(
              lab.file, link.line,
              "'" + name + "' and '" + first->second + "' have the same address " + ToString(address.address));
    }
  return Ok();
}

std::vector<const End*> EndsOf(const Lab& lab, std::size_t node) {
  std::vector<const End*> ends;
  for (const Link& link : lab.links)
    for (const End& end : link.ends)
      if (end.node == node) ends.push_back(&end);
  return ends;
}

Status CheckRoutes(const Lab& lab, const Node& node, const std::vector<const End*>& ends) {
  std::map<IpPrefix, unsigned> known;
  for (const Route& route : node.routes) {
    if (const auto [first, fresh] = known.emplace(route.to, route.line); !fresh)
      return WrongAt(lab.file, route.line,
                     "'" + node.name + "' has a route to " + ToString(route.to) + " by line " +
                         std::to_string(first->second) + " already");
    const auto is_own = [&](const End* end) {
      return std::ranges::any_of(end->addresses, [&](const auto& one) { return one.address == route.via; });
    };
    if (std::ranges::any_of(ends, is_own))
      return WrongAt(lab.file, route.line,
                     "route of '" + node.name + "': " + ToString(route.via) +
                         " is its own address; the next hop must be a neighbour");
    const bool near = std::ranges::any_of(ends, [&](const End* end) {
      return std::ranges::any_of(end->addresses, [&](const IpPrefix& own) { return own.Contains(route.via); });
    });
    if (!near)
      return WrongAt(lab.file, route.line,
                     "route of '" + node.name + "': " + ToString(route.via) +
                         " is on none of its networks; the next hop must be a neighbour");
    if (node.kind == NodeKind::kHost && route.to.length == 0)
      return WrongAt(lab.file, route.line, "a lab gives this machine no default route; name the lab's networks");
  }
  return Ok();
}

Status CheckInterfaces(const Lab& lab, const Node& node, const std::vector<const End*>& ends) {
  std::vector<std::string> used = node.masquerade;
  for (const Publish& publish : node.publish) used.push_back(publish.in);
  for (const FirewallChain& chain : node.firewall)
    for (const FirewallRule& rule : chain.rules)
      for (const std::string& name : {rule.in, rule.out})
        if (!name.empty()) used.push_back(name);
  for (const std::string& name : used) {
    if (name == "lo" || std::ranges::any_of(ends, [&](const End* end) { return end->interface == name; })) continue;
    std::vector<std::string> names;
    for (const End* end : ends) names.push_back(end->interface);
    return WrongAt(
        lab.file, node.line,
        "'" + node.name + "' has no interface '" + name + "'; it has " + (names.empty() ? "none" : Join(names, ", ")));
  }
  return Ok();
}

// Frames circle for ever in a loop of switches that do not talk to each other.
Status CheckLoops(const Lab& lab) {
  std::vector<std::size_t> group(lab.nodes.size());
  std::iota(group.begin(), group.end(), std::size_t{0});
  const auto find = [&](std::size_t node) {
    while (group[node] != node) node = group[node];
    return node;
  };
  for (const Link& link : lab.links) {
    const Node& a = lab.NodeOf(link.ends[0]);
    const Node& b = lab.NodeOf(link.ends[1]);
    if (a.kind != NodeKind::kSwitch || b.kind != NodeKind::kSwitch) continue;
    const std::size_t one = find(link.ends[0].node), other = find(link.ends[1].node);
    if (one == other && (!a.stp || !b.stp))
      return WrongAt(lab.file, link.line,
                     "this link closes a loop of switches, in which broadcasts circle for ever; "
                     "write 'stp: true' at every switch of it");
    group[one] = other;
  }
  return Ok();
}

Status CheckOneHost(const Lab& lab) {
  const Node* first = nullptr;
  for (const Node& node : lab.nodes) {
    if (node.kind != NodeKind::kHost) continue;
    if (first != nullptr)
      return WrongAt(lab.file, node.line, "'" + first->name + "' is this machine already; there is only one");
    first = &node;
  }
  return Ok();
}

Status CheckMtu(const Lab& lab) {
  for (const Link& link : lab.links)
    for (const End& end : link.ends)
      for (const IpPrefix& address : end.addresses)
        if (address.address.v6 && link.mtu != 0 && link.mtu < kMinMtu6)
          return WrongAt(lab.file, link.line, "IPv6 needs an MTU of at least 1280");
  return Ok();
}

}  // namespace

Status CheckWhole(const Lab& lab) {
  TRY(CheckUnique(lab));
  TRY(CheckMtu(lab));
  TRY(CheckOneHost(lab));
  for (std::size_t i = 0; i < lab.nodes.size(); ++i) {
    const std::vector<const End*> ends = EndsOf(lab, i);
    TRY(CheckRoutes(lab, lab.nodes[i], ends));
    TRY(CheckInterfaces(lab, lab.nodes[i], ends));
  }
  return CheckLoops(lab);
}

}  // namespace estiba::lab
