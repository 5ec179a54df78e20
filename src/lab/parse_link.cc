#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "parse.h"
#include "words.h"

namespace estiba::lab {
namespace {

constexpr std::size_t kMaxInterface = 15;  // IFNAMSIZ - 1
constexpr unsigned kMinMtu = 68, kMaxMtu = 65535;

Error BadInterface(const std::string& name) {
  if (name.size() > kMaxInterface)
    return Error(Code::kInvalidArgument, "the interface name '" + name + "' is " + std::to_string(name.size()) +
                                             " bytes long and the kernel takes 15; shorten it");
  return Error(
      Code::kInvalidArgument,
      "'" + name + "' is no interface name; use letters, digits, '-' and '_', not 'lo', 'br0', 'all' or 'default'");
}

bool IsInterface(const std::string& name) {
  // The kernel has directories of settings called all and default.
  for (const char* taken : {"lo", "br0", "all", "default"})
    if (name == taken) return false;
  return IsName(name) && name.size() <= kMaxInterface;
}

std::size_t CountEnds(const Lab& lab, std::size_t node) {
  std::size_t count = 0;
  for (const Link& link : lab.links)
    for (const End& end : link.ends) count += end.node == node ? 1 : 0;
  return count;
}

// "r1:eth0" or "r1", whose interfaces are then eth0, eth1, …, those of a switch port1, port2, ….
Status NameEnd(const Lab& lab, const std::string& word, std::size_t earlier, End& end) {
  const std::size_t colon = word.find(':');
  const std::string name = word.substr(0, colon);
  const auto node = lab.FindNode(name);
  if (!node) return Error(Code::kInvalidArgument, "there is no node '" + name + "'; add it under 'nodes'");
  end.node = *node;
  if (colon != std::string::npos) {
    end.interface = word.substr(colon + 1);
  } else if (lab.nodes[*node].kind == NodeKind::kHost) {
    return Error(Code::kInvalidArgument, "name the interface that this machine gets, as '" + name + ":lab0'");
  } else {
    const bool port = lab.nodes[*node].kind == NodeKind::kSwitch;
    end.interface = (port ? "port" : "eth") + std::to_string(CountEnds(lab, *node) + earlier + (port ? 1 : 0));
  }
  if (!IsInterface(end.interface)) return BadInterface(end.interface);
  return Ok();
}

// Of one interface: not of none, of many, or of this very machine.
bool IsUnicast(const Ip& address) {
  if (!address.v6) return address.bytes[0] != 0 && address.bytes[0] != 127 && address.bytes[0] < 224;
  const bool loopback_or_none =
      std::all_of(address.bytes.begin(), address.bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; }) &&
      address.bytes[15] < 2;
  return address.bytes[0] != 0xff && !loopback_or_none;
}

// `other`: the end before it, of the same link.
Result<End> ParseEnd(const Lab& lab, std::string_view text, const End* other) {
  const std::vector<std::string> words = Words(text);
  if (words.empty()) return Error(Code::kInvalidArgument, "an end is 'NODE[:INTERFACE] [ADDRESS/LENGTH…]'");
  End end;
  const auto first = lab.FindNode(words[0].substr(0, words[0].find(':')));
  TRY(NameEnd(lab, words[0], other != nullptr && first && other->node == *first ? 1 : 0, end));
  for (std::size_t i = 1; i < words.size(); ++i) {
    const IpPrefix address = TRY(ParseIpPrefix(words[i]));
    if (lab.NodeOf(end).kind == NodeKind::kSwitch)
      return Error(Code::kInvalidArgument, "a switch's port has no address; give it to what is behind the switch");
    if (!IsUnicast(address.address))
      return Error(Code::kInvalidArgument, "'" + words[i] + "' is no address an interface can have");
    if (address.length < address.address.Bits() - 1 && address == address.Network())
      return Error(Code::kInvalidArgument, "'" + words[i] + "' is the network itself, not an address in it");
    end.addresses.push_back(address);
  }
  return end;
}

Status ReadEnds(const Lab& lab, const Place& place, Link& link) {
  const std::vector<Place> items = TRY(ItemsOf(place));
  if (items.size() != 2) return place.Wrong("a link has two endpoints");
  link.ends[0] = TRY(Read(items[0], [&](std::string_view text) { return ParseEnd(lab, text, nullptr); }));
  link.ends[1] = TRY(Read(items[1], [&](std::string_view text) { return ParseEnd(lab, text, &link.ends[0]); }));
  const auto is_host = [&](const End& end) { return lab.NodeOf(end).kind == NodeKind::kHost; };
  if (is_host(link.ends[0]) && is_host(link.ends[1])) return place.Wrong("one end at least belongs to the lab");
  return Ok();
}

Status ReadMacs(const Place& place, Link& link) {
  const std::vector<Place> items = TRY(ItemsOf(place));
  if (items.size() != 2) return place.Wrong("a link has two ends, and an address for each: [02:00:00:00:00:01, …]");
  for (std::size_t i = 0; i < 2; ++i)
    link.ends[i].mac = TRY(Read(items[i], [](std::string_view text) { return net::ParseMac(text); }));
  return Ok();
}

Status ReadMtu(const Place& place, Link& link) {
  const std::string text = TRY(TextOf(place));
  const auto mtu = ParseUint(text, kMaxMtu);
  if (!mtu.ok() || *mtu < kMinMtu) return place.Wrong("an MTU is 68 to 65535");
  link.mtu = static_cast<unsigned>(*mtu);
  return Ok();
}

// 02:HH:HH:LL:LL:0E, with 16 bits of the lab's name, the link's number and the end's: the same at every `up`, and
// readable in a capture.
net::Mac MacOf(const Lab& lab, std::size_t link, std::size_t end) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : lab.name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  hash ^= hash >> 16;
  const auto byte = [](std::size_t value) { return static_cast<std::uint8_t>(value & 0xff); };
  return {{0x02, byte(hash >> 8), byte(hash), byte((link + 1) >> 8), byte(link + 1), byte(end + 1)}};
}

}  // namespace

Result<Link> ReadLink(const Lab& lab, const Place& place) {
  Link link;
  link.line = place.value->line;
  TRY(CheckMapping(place, {"endpoints", "mtu", "mac", "loss", "delay", "jitter", "rate"}));
  if (place.value->Find("endpoints") == nullptr)
    return place.Wrong("a link needs 'endpoints: [NODE:INTERFACE ADDRESS/LENGTH, NODE…]'");
  for (const codec::YamlMember& member : place.value->members)
    if (member.key == "endpoints") TRY(ReadEnds(lab, place.Member(member), link));
  for (std::size_t i = 0; i < 2; ++i) link.ends[i].mac = MacOf(lab, lab.links.size(), i);
  for (const codec::YamlMember& member : place.value->members) {
    const Place one = place.Member(member);
    if (member.key == "mtu") TRY(ReadMtu(one, link));
    if (member.key == "mac") TRY(ReadMacs(one, link));
    if (member.key == "loss") link.loss = TRY(Read(one, ParseLoss));
    if (member.key == "delay") link.delay_us = TRY(Read(one, ParseDelay));
    if (member.key == "jitter") link.jitter_us = TRY(Read(one, ParseDelay));
    if (member.key == "rate") link.rate = TRY(Read(one, ParseRate));
  }
  if (link.jitter_us > link.delay_us) return place.Wrong("a delay cannot vary by more than itself; raise 'delay'");
  return link;
}

}  // namespace estiba::lab
