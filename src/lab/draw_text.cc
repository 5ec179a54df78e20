#include <algorithm>
#include <deque>

#include "lab/draw.h"
#include "tree.h"

namespace estiba::lab {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kDeepest = 16;  // branches further out get a tree of their own

// Code points: what a terminal shows of our own lines and of names, which are ASCII.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

class TextDrawing {
 public:
  explicit TextDrawing(const Lab& lab) : lab_(lab), tree_(MakeTree(lab)) {}

  std::string Draw() {
    waiting_.assign(tree_.roots.begin(), tree_.roots.end());
    while (!waiting_.empty()) {
      const std::size_t root = waiting_.front();
      waiting_.pop_front();
      if (!text_.empty()) text_ += "\n";
      text_ += NodeText(root) + "\n";
      Branches(root, "", 0);
    }
    return std::move(text_);
  }

 private:
  std::string NodeText(std::size_t node) const {
    const Node& one = lab_.nodes[node];
    std::string text = one.name;
    if (one.kind != NodeKind::kNetns) text += " (" + std::string(ToString(one.kind)) + ")";
    if (!one.image.empty()) text += " [" + one.image + "]";
    return text;
  }

  // Words in lines: `first` before the first of them, `rest` before the others.
  void Words(const std::string& first, const std::string& rest, const std::vector<std::string>& words) {
    std::string line = first;
    std::size_t room = Width(first);
    for (const std::string& word : words) {
      if (Width(line) > room && Width(line) + 1 + Width(word) > kColumns) {
        text_ += line + "\n";
        line = rest;
        room = Width(rest);
      }
      if (Width(line) > room) line += " ";
      line += word;
    }
    text_ += line + "\n";
  }

  // eth0 10.0.0.1/24 ── 10mbit ── eth0 10.0.0.2/24 r2 (router)
  std::vector<std::string> BranchWords(const Branch& branch, bool cut) const {
    const End& near = NearEnd(lab_, branch);
    const End& far = FarEnd(lab_, branch);
    std::vector<std::string> words{near.interface};
    const auto addresses = [&](const End& end) {
      for (const IpPrefix& address : end.addresses) words.push_back(ToString(address));
    };
    addresses(near);
    const std::string link = LinkText(lab_.links[branch.link]);
    words.push_back(link.empty() ? "──" : "── " + link + " ──");
    words.push_back(far.interface);
    addresses(far);
    words.push_back(NodeText(far.node));
    if (branch.back) words.push_back("(again)");
    if (cut) words.push_back("(drawn below)");
    return words;
  }

  void Branches(std::size_t node, const std::string& indent, std::size_t depth) {
    const std::vector<Branch>& branches = tree_.branches[node];
    for (std::size_t i = 0; i < branches.size(); ++i) {
      const bool last = i + 1 == branches.size();
      const std::size_t far = FarEnd(lab_, branches[i]).node;
      const bool more = !branches[i].back && !tree_.branches[far].empty();
      const bool cut = more && depth + 1 == kDeepest;
      const std::string below = indent + (last ? "   " : "│  ");
      Words(indent + (last ? "└─ " : "├─ "), below + (more && !cut ? "│    " : "     "), BranchWords(branches[i], cut));
      if (cut)
        waiting_.push_back(far);
      else if (more)
        Branches(far, below, depth + 1);
    }
  }

  const Lab& lab_;
  Tree tree_;
  std::deque<std::size_t> waiting_;
  std::string text_;
};

}  // namespace

std::string DrawText(const Lab& lab) { return TextDrawing(lab).Draw(); }

}  // namespace estiba::lab
