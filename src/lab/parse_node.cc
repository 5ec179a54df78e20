#include <algorithm>

#include "base/text.h"
#include "parse.h"
#include "words.h"

namespace estiba::lab {
namespace {

Result<NodeKind> ParseKind(std::string_view text) {
  if (text == "bridge") return NodeKind::kSwitch;
  for (const NodeKind kind : {NodeKind::kNetns, NodeKind::kRouter, NodeKind::kSwitch, NodeKind::kHost})
    if (text == ToString(kind)) return kind;
  return Error(Code::kInvalidArgument, "there is no kind '" + std::string(text) +
                                           "'; there are netns (the default), router, switch (or bridge) and host");
}

// What may be a name is for the engine to say.
Result<std::string> ParseImage(std::string_view text) {
  for (const char c : text)
    if (c <= ' ' || c > '~')
      return Error(Code::kInvalidArgument, "an image's name has neither blanks nor control characters");
  return std::string(text);
}

Status ReadSysctls(const Place& place, Node& node) {
  if (place.value->kind != codec::YamlValue::Kind::kMapping) return place.Wrong("a mapping of settings belongs here");
  for (const codec::YamlMember& member : place.value->members) {
    const Place one = place.Member(member);
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const bool safe = member.key.find_first_not_of(kAllowed) == std::string::npos &&
                      member.key.find("..") == std::string::npos && !member.key.ends_with('.');
    if (!member.key.starts_with("net.") || !safe)
      return one.Wrong("only settings of a network, net.…, belong to a node of a lab");
    const std::string value = TRY(TextOf(one));
    if (value.find('\n') != std::string::npos) return one.Wrong("a setting is one line");
    node.sysctls.push_back({member.key, value, member.value.line});
  }
  return Ok();
}

Result<FirewallChain> ReadChain(const Place& place, const std::string& hook) {
  FirewallChain chain;
  chain.hook = hook;
  TRY(CheckMapping(place, {"policy", "rules"}));
  for (const codec::YamlMember& member : place.value->members) {
    const Place one = place.Member(member);
    if (member.key == "policy") {
      const std::string policy = TRY(TextOf(one));
      if (policy != "accept" && policy != "drop") return one.Wrong("a policy is 'accept' or 'drop'");
      chain.drop_by_default = policy == "drop";
      continue;
    }
    const std::vector<Place> items = TRY(ItemsOf(one));
    for (const Place& item : items) chain.rules.push_back(TRY(Read(item, ParseRule)));
  }
  for (const FirewallRule& rule : chain.rules)
    if ((hook == "input" && !rule.out.empty()) || (hook == "output" && !rule.in.empty()))
      return place.Wrong(hook == "input" ? "what comes in has no 'out' interface"
                                         : "what goes out has no 'in' interface");
  return chain;
}

Status ReadFirewall(const Place& place, Node& node) {
  TRY(CheckMapping(place, {"input", "forward", "output"}));
  for (const codec::YamlMember& member : place.value->members)
    node.firewall.push_back(TRY(ReadChain(place.Member(member), member.key)));
  return Ok();
}

Status ReadTexts(const Place& place, std::vector<std::string>& texts) {
  const std::vector<Place> items = TRY(ItemsOf(place));
  for (const Place& item : items) texts.push_back(TRY(TextOf(item)));
  return Ok();
}

Status ReadCommands(const Place& place, Node& node) {
  const std::vector<Place> items = TRY(ItemsOf(place));
  for (const Place& item : items) {
    std::string text = TRY(TextOf(item));
    node.exec.push_back({std::move(text), item.value->line});
  }
  return Ok();
}

Status ReadRoutes(const Place& place, Node& node) {
  const std::vector<Place> items = TRY(ItemsOf(place));
  for (const Place& item : items) {
    Route route = TRY(Read(item, ParseRoute));
    route.line = item.value->line;
    node.routes.push_back(route);
  }
  return Ok();
}

Status ReadPublished(const Place& place, Node& node) {
  const std::vector<Place> items = TRY(ItemsOf(place));
  for (const Place& item : items) node.publish.push_back(TRY(Read(item, ParsePublish)));
  return Ok();
}

Status ReadKey(const std::string& key, const Place& place, Node& node) {
  if (key == "kind")
    node.kind = TRY(Read(place, ParseKind));
  else if (key == "image")
    node.image = TRY(Read(place, ParseImage));
  else if (key == "command")
    return ReadTexts(place, node.command);
  else if (key == "stp")
    node.stp = TRY(BoolOf(place));
  else if (key == "routes")
    return ReadRoutes(place, node);
  else if (key == "sysctls")
    return ReadSysctls(place, node);
  else if (key == "masquerade")
    return ReadTexts(place, node.masquerade);
  else if (key == "publish")
    return ReadPublished(place, node);
  else if (key == "firewall")
    return ReadFirewall(place, node);
  else if (key == "exec")
    return ReadCommands(place, node);
  return Ok();
}

// Which keys make sense for which kind.
Status CheckKeys(const Place& place, const Node& node) {
  const auto allowed = [&](const std::string& key) {
    if (key == "kind") return true;
    if (node.kind == NodeKind::kHost) return key == "routes";
    if (node.kind == NodeKind::kSwitch) return key == "stp" || key == "sysctls" || key == "exec";
    if (key == "masquerade" || key == "publish") return node.kind == NodeKind::kRouter;
    if (key == "command") return !node.image.empty();
    return key != "stp";
  };
  for (const codec::YamlMember& member : place.value->members) {
    if (allowed(member.key)) continue;
    const Place one = place.Member(member);
    if (node.kind == NodeKind::kHost)
      return one.Wrong("a lab changes nothing of this machine but the links and routes that the file gives it");
    if (member.key == "command")
      return one.Wrong("there is no container to run it; give the node an image, or use exec");
    return one.Wrong("a node of kind " + std::string(ToString(node.kind)) + " has no such key");
  }
  return Ok();
}

}  // namespace

Result<Node> ReadNode(const std::string& name, const Place& place) {
  Node node;
  node.name = name;
  node.line = place.value->line;
  if (!IsName(name) || name == "all")
    return place.Wrong("'" + name + "' is no name for a node; use letters, digits, '-' and '_', at most 32, not 'all'");
  TRY(CheckMapping(
      place, {"kind", "image", "command", "stp", "routes", "sysctls", "masquerade", "publish", "firewall", "exec"}));
  for (const codec::YamlMember& member : place.value->members) TRY(ReadKey(member.key, place.Member(member), node));
  TRY(CheckKeys(place, node));
  return node;
}

}  // namespace estiba::lab
