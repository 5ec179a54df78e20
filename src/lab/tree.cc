#include "tree.h"

#include <algorithm>
#include <tuple>

namespace estiba::lab {
namespace {

// "12.5" of 12500 thousandths.
std::string Decimal(std::uint64_t value, std::uint64_t unit) {
  std::string text = std::to_string(value / unit);
  if (value % unit == 0) return text;
  std::string part = std::to_string(unit + value % unit).substr(1);
  part.erase(part.find_last_not_of('0') + 1);
  return text + "." + part;
}

std::string TimeText(std::uint32_t us) { return us >= 1000 ? Decimal(us, 1000) + "ms" : std::to_string(us) + "us"; }

std::string RateText(std::uint64_t rate) {
  if (rate >= 1000'000'000) return Decimal(rate, 1000'000'000) + "gbit";
  if (rate >= 1000'000) return Decimal(rate, 1000'000) + "mbit";
  return Decimal(rate, 1000) + "kbit";
}

class Grower {
 public:
  explicit Grower(const Lab& lab) : lab_(lab), seen_(lab.nodes.size()), drawn_(lab.links.size()) {
    tree_.branches.resize(lab.nodes.size());
    tree_.depth.resize(lab.nodes.size());
  }
  Tree Grow() {
    while (const auto root = NextRoot()) {
      tree_.roots.push_back(*root);
      GrowFrom(*root);
    }
    return std::move(tree_);
  }

 private:
  // Routers before switches before the rest, then who has most links, then who comes first.
  std::optional<std::size_t> NextRoot() const {
    std::optional<std::size_t> best;
    const auto merit = [&](std::size_t node) {
      const NodeKind kind = lab_.nodes[node].kind;
      std::size_t links = 0;
      for (const Link& link : lab_.links) links += link.ends[0].node == node || link.ends[1].node == node ? 1 : 0;
      return std::tuple(kind == NodeKind::kRouter ? 2 : kind == NodeKind::kSwitch ? 1 : 0, links);
    };
    for (std::size_t i = 0; i < lab_.nodes.size(); ++i)
      if (!seen_[i] && (!best || merit(i) > merit(*best))) best = i;
    return best;
  }

  void GrowFrom(std::size_t root) {
    std::vector<std::size_t> queue{root};
    seen_[root] = true;
    for (std::size_t at = 0; at < queue.size(); ++at)
      for (std::size_t i = 0; i < lab_.links.size(); ++i) Follow(i, queue[at], queue);
  }

  void Follow(std::size_t link, std::size_t node, std::vector<std::size_t>& queue) {
    const Link& one = lab_.links[link];
    if (drawn_[link] || (one.ends[0].node != node && one.ends[1].node != node)) return;
    drawn_[link] = true;
    const unsigned own = one.ends[0].node == node ? 0 : 1;
    const std::size_t far = one.ends[1 - own].node;
    tree_.branches[node].push_back({link, own, seen_[far]});
    if (seen_[far]) return;
    seen_[far] = true;
    tree_.depth[far] = tree_.depth[node] + 1;
    queue.push_back(far);
  }

  const Lab& lab_;
  std::vector<bool> seen_, drawn_;
  Tree tree_;
};

}  // namespace

Tree MakeTree(const Lab& lab) { return Grower(lab).Grow(); }

const End& NearEnd(const Lab& lab, const Branch& branch) { return lab.links[branch.link].ends[branch.own_end]; }
const End& FarEnd(const Lab& lab, const Branch& branch) { return lab.links[branch.link].ends[1 - branch.own_end]; }

std::string EndText(const End& end) {
  std::string text = end.interface;
  for (const IpPrefix& address : end.addresses) text += " " + ToString(address);
  return text;
}

std::string LinkText(const Link& link) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (link.rate != 0) add(RateText(link.rate));
  if (link.delay_us != 0) add("delay " + TimeText(link.delay_us));
  if (link.jitter_us != 0) add("jitter " + TimeText(link.jitter_us));
  if (link.loss != 0) add("loss " + Decimal(link.loss, 100) + "%");
  if (link.mtu != 0) add("mtu " + std::to_string(link.mtu));
  return text;
}

}  // namespace estiba::lab
