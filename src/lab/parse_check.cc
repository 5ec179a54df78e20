#include <algorithm>

#include "base/parse.h"
#include "parse.h"
#include "words.h"

namespace estiba::lab {
namespace {

// The first address of a node, or of one interface of it; null when there is none.
const IpPrefix* FirstAddress(const Lab& lab, std::size_t node, const std::string& interface) {
  for (const Link& link : lab.links)
    for (const End& end : link.ends)
      if (end.node == node && (interface.empty() || end.interface == interface) && !end.addresses.empty())
        return &end.addresses[0];
  return nullptr;
}

std::optional<std::size_t> OwnerOf(const Lab& lab, const Ip& address) {
  for (const Link& link : lab.links)
    for (const End& end : link.ends)
      for (const IpPrefix& one : end.addresses)
        if (one.address == address) return end.node;
  return std::nullopt;
}

Result<std::size_t> FindNode(const Lab& lab, const std::string& name) {
  if (const auto node = lab.FindNode(name)) return *node;
  return Error(Code::kInvalidArgument, "there is no node '" + name + "'");
}

// An address, NODE or NODE:INTERFACE.
Result<Ip> FindTarget(const Lab& lab, const std::string& word) {
  const std::size_t colon = word.find(':');
  if (!lab.FindNode(word.substr(0, colon))) {
    auto address = ParseIp(word);
    if (address.ok()) return *address;
    return Error(Code::kInvalidArgument, "'" + word + "' is neither a node of this lab nor an address");
  }
  const std::size_t node = *lab.FindNode(word.substr(0, colon));
  const IpPrefix* address =
      FirstAddress(lab, node, colon == std::string::npos ? std::string() : word.substr(colon + 1));
  if (address == nullptr) return Error(Code::kInvalidArgument, "'" + word + "' has no address");
  return address->address;
}

Status FindListener(const Lab& lab, const CheckWords& words, Check& check) {
  if (check.tcp == 0) return Ok();
  if (words.at.empty()) {
    if (const auto node = OwnerOf(lab, check.to)) check.listener = std::pair(*node, check.tcp);
    return Ok();
  }
  const std::size_t colon = words.at.find(':');
  const auto port = ParseUint(colon == std::string::npos ? "" : words.at.substr(colon + 1), 65535);
  if (!port.ok() || *port == 0)
    return Error(Code::kInvalidArgument, "behind 'at' stands NODE:PORT, not '" + words.at + "'");
  const std::size_t node = TRY(FindNode(lab, words.at.substr(0, colon)));
  check.listener = std::pair(node, static_cast<std::uint16_t>(*port));
  return Ok();
}

Result<Check> Resolve(const Lab& lab, const CheckWords& words) {
  Check check;
  check.from = TRY(FindNode(lab, words.from));
  if (lab.nodes[check.from].kind == NodeKind::kSwitch)
    return Error(Code::kInvalidArgument, "'" + words.from + "' is a switch and sends nothing of its own");
  check.to = TRY(FindTarget(lab, words.to));
  check.to_text = words.to;
  check.tcp = words.tcp;
  check.reaches = words.reaches;
  TRY(FindListener(lab, words, check));
  // The check opens ports for the moment; of this machine it opens none.
  if (check.listener && lab.nodes[check.listener->first].kind == NodeKind::kHost) check.listener.reset();
  return check;
}

// Every node with an address, and every other such node.
Status ResolveAll(const Lab& lab, const CheckWords& words, std::vector<Check>& checks) {
  const auto takes_part = [&](std::size_t node) {
    return lab.nodes[node].kind != NodeKind::kHost && FirstAddress(lab, node, "") != nullptr;
  };
  for (std::size_t from = 0; from < lab.nodes.size(); ++from)
    for (std::size_t to = 0; to < lab.nodes.size(); ++to) {
      if (from == to || !takes_part(from) || !takes_part(to)) continue;
      CheckWords one = words;
      one.from = lab.nodes[from].name;
      one.to = lab.nodes[to].name;
      checks.push_back(TRY(Resolve(lab, one)));
    }
  return Ok();
}

}  // namespace

Status ReadChecks(const Place& place, Lab& lab) {
  constexpr std::size_t kMaxChecks = 10000;
  const std::vector<Place> items = TRY(ItemsOf(place));
  for (const Place& item : items) {
    const CheckWords words = TRY(Read(item, ParseCheck));
    std::vector<Check> made;
    if (words.from == "all") {
      auto all = ResolveAll(lab, words, made);
      if (!all.ok()) return item.Wrong(std::move(all).error());
    } else {
      auto one = Resolve(lab, words);
      if (!one.ok()) return item.Wrong(std::move(one).error());
      made.push_back(std::move(*one));
    }
    for (Check& check : made) {
      check.line = item.value->line;
      lab.checks.push_back(std::move(check));
    }
    if (lab.checks.size() > kMaxChecks) return item.Wrong("a lab has at most 10000 checks");
  }
  return Ok();
}

}  // namespace estiba::lab
