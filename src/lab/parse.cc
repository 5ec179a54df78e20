#include "parse.h"

#include <algorithm>

#include "base/text.h"

namespace estiba::lab {
namespace {

constexpr std::size_t kMaxName = 32, kMaxNodes = 512, kMaxLinks = 2048;

// "examples/lan.yaml" is "lan".
std::string NameFrom(const std::string& file) {
  std::string name = file.substr(file.rfind('/') + 1);
  for (const std::string_view end : {".yaml", ".yml"})
    if (name.ends_with(end)) return name.substr(0, name.size() - end.size());
  return name;
}

bool IsIpv6(const End& end) {
  return std::ranges::any_of(end.addresses, [](const IpPrefix& address) { return address.address.v6; });
}

// The reader of YAML says "line 3: why".
Error WrongYaml(const std::string& file, const std::string& message) {
  constexpr std::string_view kLine = "line ";
  const std::size_t end = message.find(": ");
  if (!message.starts_with(kLine) || end == std::string::npos) return WrongAt(file, 1, message);
  return Error(Code::kInvalidArgument, file + ":" + message.substr(kLine.size()));
}

Status ReadName(const Place& whole, Lab& lab) {
  const codec::YamlValue* name = whole.value->Find("name");
  lab.name = NameFrom(lab.file);
  if (name != nullptr) lab.name = TRY(TextOf({name, &lab.file, "name"}));
  if (!IsName(lab.name))
    return WrongAt(
        lab.file, name != nullptr ? name->line : 1,
        "'" + lab.name + "' is no name for a lab; write 'name: …' with letters, digits, '-' and '_', at most 32");
  return Ok();
}

Status ReadNodes(const Place& place, Lab& lab) {
  if (place.value->kind != codec::YamlValue::Kind::kMapping)
    return place.Wrong("a mapping of names to nodes belongs here");
  if (place.value->members.size() > kMaxNodes) return place.Wrong("a lab has at most 512 nodes");
  for (const codec::YamlMember& member : place.value->members)
    lab.nodes.push_back(TRY(ReadNode(member.key, place.Member(member))));
  return Ok();
}

Status ReadLinks(const Place& place, Lab& lab) {
  if (place.value->kind == codec::YamlValue::Kind::kMapping || (place.value->items.empty() && !place.value->IsNull()))
    return place.Wrong("a sequence of links belongs here");
  if (place.value->items.size() > kMaxLinks) return place.Wrong("a lab has at most 2048 links");
  for (std::size_t i = 0; i < place.value->items.size(); ++i) lab.links.push_back(TRY(ReadLink(lab, place.Item(i))));
  return Ok();
}

Status ReadSection(const Place& whole, std::string_view key, Lab& lab, Status (*read)(const Place&, Lab&)) {
  for (const codec::YamlMember& member : whole.value->members)
    if (member.key == key) return read(whole.Member(member), lab);
  return Ok();
}

}  // namespace

std::string_view ToString(NodeKind kind) {
  switch (kind) {
    case NodeKind::kNetns: return "netns";
    case NodeKind::kRouter: return "router";
    case NodeKind::kSwitch: return "switch";
    case NodeKind::kHost: return "host";
  }
  return "";
}

bool IsName(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return !name.empty() && name.size() <= kMaxName && kLetters.find(name[0]) != std::string_view::npos &&
         name.find_first_not_of(std::string(kLetters) + "-_") == std::string_view::npos;
}

std::optional<std::size_t> Lab::FindNode(std::string_view wanted) const {
  const auto found = std::ranges::find(nodes, wanted, &Node::name);
  if (found == nodes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - nodes.begin());
}

Result<Lab> ParseLab(std::string_view text, const std::string& file) {
  Lab lab;
  lab.file = file;
  auto document = codec::ParseYaml(text);
  if (!document.ok()) return WrongYaml(file, document.error().Message());
  const Place whole{&*document, &lab.file, ""};
  if (document->kind != codec::YamlValue::Kind::kMapping)
    return WrongAt(file, 1, "a lab is a mapping with 'nodes' and 'links'");
  TRY(CheckMapping(whole, {"name", "nodes", "links", "check"}));
  TRY(ReadName(whole, lab));
  TRY(ReadSection(whole, "nodes", lab, ReadNodes));
  if (lab.nodes.empty()) return WrongAt(file, 1, "a lab without nodes; write 'nodes: {NAME: {…}}'");
  TRY(ReadSection(whole, "links", lab, ReadLinks));
  for (const Link& link : lab.links) lab.ipv6 = lab.ipv6 || IsIpv6(link.ends[0]) || IsIpv6(link.ends[1]);
  TRY(CheckWhole(lab));
  TRY(ReadSection(whole, "check", lab, ReadChecks));
  return lab;
}

}  // namespace estiba::lab
