#include "lab/plan.h"

#include <algorithm>

namespace estiba::lab {
namespace {

class Planner {
 public:
  explicit Planner(const Lab& lab) : lab_(lab) {}
  std::vector<Operation> Make();

 private:
  template <typename What>
  void Add(std::size_t node, unsigned line, What what) {
    operations_.push_back({node, line, std::move(what)});
  }
  // What the node itself asks for.
  template <typename What>
  void AddOwn(std::size_t node, What what) {
    Add(node, lab_.nodes[node].line, std::move(what));
  }
  bool OwnNamespace(std::size_t node) const { return lab_.nodes[node].kind != NodeKind::kHost; }
  void Places();
  void Settings();
  void Pairs();
  void Ports();
  void Addresses();
  void Impairments();
  void Up();
  void Finish();
  template <typename Do>
  void EachEnd(Do each) {
    for (const Link& link : lab_.links)
      for (const End& end : link.ends) each(link, end);
  }

  const Lab& lab_;
  std::vector<Operation> operations_;
};

void Planner::Places() {
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    const Node& node = lab_.nodes[i];
    if (!OwnNamespace(i)) continue;
    if (node.image.empty())
      AddOwn(i, MakeNamespace{});
    else
      AddOwn(i, MakeContainer{node.image, node.command});
  }
}

void Planner::Settings() {
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    const Node& node = lab_.nodes[i];
    if (!OwnNamespace(i)) continue;
    // A switch has no addresses of its own, and who studies IPv4 wants no neighbour discovery in a capture.
    if (!lab_.ipv6 || node.kind == NodeKind::kSwitch)
      for (const char* scope : {"all", "default"})
        AddOwn(i, SetSysctl{std::string("net.ipv6.conf.") + scope + ".disable_ipv6", "1"});
    if (node.kind != NodeKind::kRouter) continue;
    AddOwn(i, SetSysctl{"net.ipv4.ip_forward", "1"});
    if (lab_.ipv6) AddOwn(i, SetSysctl{"net.ipv6.conf.all.forwarding", "1"});
  }
}

void Planner::Pairs() {
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i)
    if (lab_.nodes[i].kind == NodeKind::kSwitch) AddOwn(i, MakeBridge{lab_.nodes[i].stp});
  for (const Link& link : lab_.links) {
    // This machine's end is made from here, since its namespace has no name.
    const bool swap = !OwnNamespace(link.ends[1].node);
    const End& near = link.ends[swap ? 1 : 0];
    const End& far = link.ends[swap ? 0 : 1];
    Add(near.node, link.line, MakePair{near.interface, near.mac, far.node, far.interface, far.mac, link.mtu});
  }
}

void Planner::Ports() {
  EachEnd([&](const Link& link, const End& end) {
    if (lab_.NodeOf(end).kind == NodeKind::kSwitch) Add(end.node, link.line, JoinBridge{end.interface});
  });
}

void Planner::Addresses() {
  EachEnd([&](const Link& link, const End& end) {
    for (const IpPrefix& address : end.addresses) Add(end.node, link.line, AddAddress{end.interface, address});
  });
}

void Planner::Impairments() {
  std::vector<std::size_t> lossy(lab_.nodes.size());
  EachEnd([&](const Link& link, const End& end) {
    if (link.rate != 0 || link.delay_us != 0)
      Add(end.node, link.line, Shape{end.interface, link.rate, link.delay_us, link.jitter_us, link.mtu});
    if (link.loss != 0) Add(end.node, link.line, Lose{end.interface, link.loss, ++lossy[end.node]});
  });
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i)
    if (!RulesText(lab_.nodes[i]).empty()) AddOwn(i, AddRules{});
}

void Planner::Up() {
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    if (OwnNamespace(i)) AddOwn(i, BringUp{"lo"});
    if (lab_.nodes[i].kind == NodeKind::kSwitch) AddOwn(i, BringUp{std::string(kBridge)});
  }
  EachEnd([&](const Link& link, const End& end) { Add(end.node, link.line, BringUp{end.interface}); });
}

void Planner::Finish() {
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    for (const Sysctl& sysctl : lab_.nodes[i].sysctls) Add(i, sysctl.line, SetSysctl{sysctl.key, sysctl.value});
    for (const Route& route : lab_.nodes[i].routes) Add(i, route.line, AddRoute{route});
  }
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i)
    for (const Command& command : lab_.nodes[i].exec) Add(i, command.line, RunCommand{command});
}

std::vector<Operation> Planner::Make() {
  Places();
  Settings();
  Pairs();
  Ports();
  Addresses();
  Impairments();
  Up();
  Finish();
  return std::move(operations_);
}

}  // namespace

std::vector<Operation> MakePlan(const Lab& lab) { return Planner(lab).Make(); }

Bucket BucketFor(std::uint64_t rate, unsigned mtu) {
  // Ten milliseconds of traffic at once, but two frames at least; 50 ms may wait.
  const std::uint64_t frames = 2 * std::uint64_t{(mtu == 0 ? 1500 : mtu) + 18U};
  const std::uint64_t burst = std::max(rate / 8 / 100, frames);
  static constexpr std::uint64_t kMost = 1U << 28;
  const auto capped = [](std::uint64_t bytes) { return static_cast<std::uint32_t>(std::min(bytes, kMost)); };
  return {capped(burst), capped(burst + rate / 8 / 20)};
}

}  // namespace estiba::lab
