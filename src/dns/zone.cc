#include "dns/zone.h"

#include <algorithm>
#include <optional>

#include "base/parse.h"
#include "base/text.h"
#include "dns/name.h"

namespace estiba::dns {
namespace {

using Found = Zone::Found;

bool Before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, LowerCase, LowerCase);
}
bool Same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, LowerCase, LowerCase); }

// Everything an endpoint is called in a network, once.
std::vector<std::string_view> NamesIn(const Endpoint& endpoint, const Membership& network) {
  std::vector<std::string_view> names;
  for (const auto* list : {&endpoint.names, &network.aliases}) names.insert(names.end(), list->begin(), list->end());
  std::ranges::sort(names, Before);
  const auto again = std::ranges::unique(names, Same);
  names.erase(again.begin(), again.end());
  return names;
}

std::string FullName(const Endpoint& endpoint, const Membership& network) {
  if (endpoint.names.empty()) return {};
  std::string full = endpoint.names.front() + "." + network.name;
  return IsName(full) ? full : endpoint.names.front();
}

// "2.0.18.172.in-addr.arpa"
std::optional<Ip> ReverseFour(std::string_view name) {
  const std::vector<std::string> parts = Split(name, '.');
  if (parts.size() != 4) return std::nullopt;
  std::string bytes;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const auto number = ParseUint(*part, 255);
    if (!number.ok()) return std::nullopt;
    bytes += static_cast<char>(*number);
  }
  return Ip::FromBytes(bytes).value();
}

// Thirty-two hexadecimal digits, the last first, before ".ip6.arpa".
std::optional<Ip> ReverseSix(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::vector<std::string> parts = Split(name, '.');
  if (parts.size() != 32) return std::nullopt;
  std::string bytes;
  unsigned high = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[parts.size() - 1 - i];
    const std::size_t digit = part.size() == 1 ? kDigits.find(part[0]) : std::string_view::npos;
    if (digit == std::string_view::npos) return std::nullopt;
    if (i % 2 == 1) bytes += static_cast<char>(high << 4 | digit);
    high = static_cast<unsigned>(digit);
  }
  return Ip::FromBytes(bytes).value();
}

std::optional<Ip> ReverseAddress(std::string_view name) {
  constexpr std::string_view kFour = ".in-addr.arpa";
  constexpr std::string_view kSix = ".ip6.arpa";
  if (name.ends_with(kFour)) return ReverseFour(name.substr(0, name.size() - kFour.size()));
  if (name.ends_with(kSix)) return ReverseSix(name.substr(0, name.size() - kSix.size()));
  return std::nullopt;
}

void Append16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

// RFC 2782: all of the same priority and weight.
Record ServiceRecord(const Service& service, const std::string& target) {
  Record record{Type::kSrv, {}};
  Append16(record.data, 0);
  Append16(record.data, 1);
  Append16(record.data, service.port);
  AppendName(record.data, target);
  return record;
}

void Rotate(std::vector<Record>& records, std::size_t turn) {
  if (records.size() < 2) return;
  const auto first = records.begin() + static_cast<std::ptrdiff_t>(turn % records.size());
  std::rotate(records.begin(), first, records.end());
}

// What the asker means by a name in that network.
std::string Meant(const Membership& network, std::string_view name) {
  const auto link =
      std::ranges::find(network.links, name, [](const Link& one) { return ToLower(one.alias); });
  return link == network.links.end() ? std::string(name) : ToLower(link->target);
}

bool Wants(Type asked, const Ip& address) {
  return asked == Type::kAny || asked == (address.v6 ? Type::kAaaa : Type::kA);
}

}  // namespace

void Zone::Put(Endpoint endpoint) {
  Remove(endpoint.id);
  Index(*endpoints_.insert(std::move(endpoint)).first);
}

void Zone::Remove(std::string_view id) {
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return;
  Unindex(*found);
  endpoints_.erase(found);
}

const Endpoint* Zone::Find(std::string_view id) const {
  const auto found = endpoints_.find(id);
  return found == endpoints_.end() ? nullptr : &*found;
}

std::span<Zone::Holder> Zone::Called(Network& network, std::string_view name) {
  return std::ranges::equal_range(network.names, name, Before, &Holder::name);
}

// Its place, or the one that it would have.
std::vector<Zone::Place>::iterator Zone::WhereIs(Network& network, const Ip& address) {
  return std::ranges::lower_bound(network.addresses, address, {},
                                  [](const Place& place) { return place.network->address.address; });
}

void Zone::Index(const Endpoint& endpoint) {
  for (const Membership& membership : endpoint.networks) {
    Network& network = networks_[membership.id];
    const Place here{&endpoint, &membership};
    const Ip& address = membership.address.address;
    const auto place = WhereIs(network, address);
    if (place != network.addresses.end() && place->network->address.address == address) *place = here;
    else network.addresses.insert(place, here);
    for (const std::string_view name : NamesIn(endpoint, membership)) {
      const auto behind = std::ranges::upper_bound(network.names, name, Before, &Holder::name);
      network.names.insert(behind, {name, here});
    }
  }
}

void Zone::Unindex(const Endpoint& endpoint) {
  for (const Membership& membership : endpoint.networks) {
    const auto found = networks_.find(membership.id);
    if (found == networks_.end()) continue;
    Network& network = found->second;
    std::erase_if(network.addresses, [&](const Place& place) { return place.endpoint == &endpoint; });
    std::erase_if(network.names, [&](const Holder& holder) { return holder.place.endpoint == &endpoint; });
    if (network.names.empty() && network.addresses.empty()) networks_.erase(found);
  }
}

std::span<Zone::Holder> Zone::FindIn(const Membership& network, std::string_view name) {
  const auto members = networks_.find(network.id);
  return members == networks_.end() ? std::span<Holder>() : Called(members->second, name);
}

std::span<Zone::Holder> Zone::FindName(const Endpoint& asker, std::string_view name) {
  for (const Membership& network : asker.networks) {
    if (const auto holders = FindIn(network, Meant(network, name)); !holders.empty()) return holders;
  }
  for (const Membership& network : asker.networks) {
    const std::string suffix = "." + ToLower(network.name);
    if (!name.ends_with(suffix)) continue;
    const std::string_view first = name.substr(0, name.size() - suffix.size());
    if (const auto holders = FindIn(network, Meant(network, first)); !holders.empty()) return holders;
  }
  return {};
}

Found Zone::Look(const Endpoint& asker, const Question& question) {
  if (const auto address = ReverseAddress(question.name)) return Reverse(asker, *address, question.type);
  if (question.name.starts_with('_')) {
    Found found = Services(asker, question);
    if (found.kind != Found::Kind::kElsewhere) return found;
  }
  const std::span<Holder> holders = FindName(asker, question.name);
  if (holders.empty()) return {};
  Found found{Found::Kind::kName, {}};
  for (const Holder& holder : holders) {
    const Ip& address = holder.place.network->address.address;
    if (Wants(question.type, address))
      found.records.push_back({address.v6 ? Type::kAaaa : Type::kA, address.Bytes()});
  }
  if (!found.records.empty()) Rotate(found.records, holders.front().turn++);
  return found;
}

Found Zone::Reverse(const Endpoint& asker, const Ip& address, Type type) {
  Found found;
  for (const Membership& membership : asker.networks) {
    if (!membership.address.Contains(address)) continue;
    found.kind = Found::Kind::kNoName;  // nobody else knows who is in our networks
    const auto network = networks_.find(membership.id);
    if (network == networks_.end()) continue;
    const auto place = WhereIs(network->second, address);
    if (place == network->second.addresses.end() || place->network->address.address != address) continue;
    found.kind = Found::Kind::kName;
    const std::string name = FullName(*place->endpoint, *place->network);
    if (name.empty() || (type != Type::kPtr && type != Type::kAny)) return found;
    AppendName(found.records.emplace_back(Record{Type::kPtr, {}}).data, name);
    return found;
  }
  return found;
}

// "_80._tcp.web"
Found Zone::Services(const Endpoint& asker, const Question& question) {
  const std::string_view name = question.name;
  const std::size_t first = name.find('.');
  const std::size_t second = first == std::string_view::npos ? first : name.find('.', first + 1);
  if (second == std::string_view::npos || name[first + 1] != '_') return {};
  const std::span<Holder> holders = FindName(asker, name.substr(second + 1));
  if (holders.empty()) return {};
  const std::string_view label = name.substr(1, first - 1);
  const std::string_view protocol = name.substr(first + 2, second - first - 2);
  Found found{Found::Kind::kNoName, {}};
  for (const auto& [called, place, turn] : holders) {
    for (const Service& service : place.endpoint->services) {
      if (ToLower(service.label) != label || service.protocol != protocol) continue;
      found.kind = Found::Kind::kName;
      if (question.type != Type::kSrv && question.type != Type::kAny) continue;
      Record record = ServiceRecord(service, FullName(*place.endpoint, *place.network));
      // Who has addresses of both families is here twice.
      if (std::ranges::find(found.records, record.data, &Record::data) == found.records.end())
        found.records.push_back(std::move(record));
    }
  }
  if (!found.records.empty()) Rotate(found.records, holders.front().turn++);
  return found;
}

}  // namespace estiba::dns
