#include <algorithm>

#include "lab/draw.h"
#include "tree.h"

namespace estiba::lab {
namespace {

constexpr int kColumn = 280, kRow = 200, kMargin = 80;
constexpr int kWidth = 120, kMaxWidth = 264, kHeight = 44;  // of a node's box
constexpr int kLine = 14;                                   // of text

struct Point {
  int x = 0, y = 0;
};

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

std::string Attribute(std::string_view name, int value) {
  return " " + std::string(name) + "=\"" + std::to_string(value) + "\"";
}

class SvgDrawing {
 public:
  explicit SvgDrawing(const Lab& lab) : lab_(lab), tree_(MakeTree(lab)), places_(lab.nodes.size()) {}

  std::string Draw() {
    for (const std::size_t root : tree_.roots) Settle(root);
    int right = 0, bottom = 0;
    for (const Point& place : places_) {
      right = std::max(right, place.x + kMargin + kWidth / 2);
      bottom = std::max(bottom, place.y + kMargin);
    }
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + Attribute("width", right) +
                      Attribute("height", bottom) + " font-family=\"sans-serif\" font-size=\"12\">\n";
    out += "<title>" + Escaped(lab_.name) + "</title>\n";
    // A white edge keeps texts readable where lines pass behind them.
    out +=
        "<style>text { paint-order: stroke; stroke: #fff; stroke-width: 3px } rect + text, rect + text + text "
        "{ stroke: none }</style>\n";
    for (const std::vector<Branch>& branches : tree_.branches)
      for (const Branch& branch : branches) out += Line(branch);
    for (std::size_t i = 0; i < lab_.nodes.size(); ++i) out += Box(i);
    // Texts last, so that no line crosses them out.
    for (const std::vector<Branch>& branches : tree_.branches)
      for (const Branch& branch : branches) out += Texts(branch);
    return out + "</svg>\n";
  }

 private:
  // Leaves side by side, a parent over the middle of its children. The depth of the recursion is the tree's, which the
  // number of nodes bounds.
  void Settle(std::size_t node) {
    Point& place = places_[node];
    place.y = kMargin + static_cast<int>(tree_.depth[node]) * kRow;
    std::vector<std::size_t> children;
    for (const Branch& branch : tree_.branches[node])
      if (!branch.back) children.push_back(FarEnd(lab_, branch).node);
    for (const std::size_t child : children) Settle(child);
    if (children.empty()) {
      place.x = kMargin + kWidth / 2 + leaves_++ * kColumn;
    } else {
      place.x = (places_[children.front()].x + places_[children.back()].x) / 2;
    }
  }

  std::string Line(const Branch& branch) const {
    const Point from = places_[NearEnd(lab_, branch).node], to = places_[FarEnd(lab_, branch).node];
    // A link beside the tree bends, so that it is seen beside what it connects.
    const Point middle{(from.x + to.x) / 2, (from.y + to.y) / 2 + (branch.back ? kRow / 2 : 0)};
    return "<path d=\"M" + std::to_string(from.x) + " " + std::to_string(from.y) + " Q" + std::to_string(middle.x) +
           " " + std::to_string(middle.y) + " " + std::to_string(to.x) + " " + std::to_string(to.y) +
           "\" fill=\"none\" stroke=\"#555\" stroke-width=\"2\"/>\n";
  }

  static std::string Text(Point at, const std::string& text, std::string_view more = "") {
    return "<text" + Attribute("x", at.x) + Attribute("y", at.y) + " text-anchor=\"middle\"" + std::string(more) + ">" +
           Escaped(text) + "</text>\n";
  }

  // `hundredths` of the way from `from` to `to`, where a straight or bent line passes.
  static Point Along(Point from, Point to, int hundredths, bool bent) {
    const int bend = bent ? hundredths * (100 - hundredths) * kRow / 10000 : 0;
    return {from.x + (to.x - from.x) * hundredths / 100, from.y + (to.y - from.y) * hundredths / 100 + bend};
  }

  std::string Texts(const Branch& branch) const {
    const End& near = NearEnd(lab_, branch);
    const End& far = FarEnd(lab_, branch);
    const Point from = places_[near.node], to = places_[far.node];
    // The nearer text lies where branches have spread, the further one above its box.
    Point further = Along(to, from, branch.back ? 30 : 24, branch.back);
    if (!branch.back) further.y -= static_cast<int>(far.addresses.size()) * kLine;
    std::string out = EndTexts(near, Along(from, to, branch.back ? 30 : 38, branch.back)) + EndTexts(far, further);
    const std::string link = LinkText(lab_.links[branch.link]);
    if (!link.empty()) out += Text(Along(from, to, branch.back ? 50 : 58, branch.back), link, " fill=\"#a00\"");
    return out;
  }

  std::string EndTexts(const End& end, Point at) const {
    std::string out = Text(at, end.interface, " fill=\"#06c\"");
    for (const IpPrefix& address : end.addresses) {
      at.y += kLine;
      out += Text(at, ToString(address));
    }
    return out;
  }

  std::string Box(std::size_t node) const {
    const Node& one = lab_.nodes[node];
    const Point at = places_[node];
    const char* color = one.kind == NodeKind::kRouter   ? "#ffd9a8"
                        : one.kind == NodeKind::kSwitch ? "#cfe8ff"
                        : one.kind == NodeKind::kHost   ? "#e0e0e0"
                                                        : "#dff5d8";
    const std::string below = one.image.empty() ? std::string(ToString(one.kind)) : one.image;
    const int letters = static_cast<int>(std::min<std::size_t>(std::max(one.name.size(), below.size()), 100));
    const int width = std::clamp(letters * 8, kWidth, kMaxWidth);
    const std::string out = "<rect" + Attribute("x", at.x - width / 2) + Attribute("y", at.y - kHeight / 2) +
                            Attribute("width", width) + Attribute("height", kHeight) +
                            Attribute("rx", one.kind == NodeKind::kRouter ? kHeight / 2 : 4) + " fill=\"" + color +
                            "\" stroke=\"#333\"/>\n";
    return out + Text({at.x, at.y - 3}, one.name, " font-weight=\"bold\"") +
           Text({at.x, at.y + kLine}, below, " fill=\"#555\"");
  }

  const Lab& lab_;
  Tree tree_;
  std::vector<Point> places_;
  int leaves_ = 0;
};

}  // namespace

std::string DrawSvg(const Lab& lab) { return SvgDrawing(lab).Draw(); }

}  // namespace estiba::lab
