#include "words.h"

#include <array>
#include <span>
#include <tuple>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::lab {
namespace {

Error Bad(std::string_view text, const std::string& why) {
  return Error(Code::kInvalidArgument, "'" + std::string(text) + "': " + why);
}

// Reads words one after the other.
class Sentence {
 public:
  explicit Sentence(std::string_view text) : text_(text), words_(Words(text)) {}
  bool done() const { return at_ == words_.size(); }
  bool Take(std::string_view word) {
    if (done() || words_[at_] != word) return false;
    ++at_;
    return true;
  }
  // The next word; "" when there is none.
  std::string Next() { return done() ? std::string() : words_[at_++]; }
  std::string Peek() const { return done() ? std::string() : words_[at_]; }
  Error Wrong(const std::string& why) const { return Bad(text_, why); }

 private:
  std::string_view text_;
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

Result<std::uint16_t> ParsePort(const std::string& word) {
  const auto port = ParseUint(word, 65535);
  if (!port.ok() || *port == 0) return Error(Code::kInvalidArgument, "'" + word + "' is no port; ports are 1 to 65535");
  return static_cast<std::uint16_t>(*port);
}

bool IsNumber(const std::string& word) { return !word.empty() && word.find_first_not_of("0123456789") == word.npos; }

// "10.0.0.2:80", "[fd00::2]:80".
Result<std::pair<Ip, std::uint16_t>> ParseAddressAndPort(const std::string& word) {
  const std::size_t colon = word.rfind(':');
  if (colon == std::string::npos) return Error(Code::kInvalidArgument, "'" + word + "' is no ADDRESS:PORT");
  std::string address = word.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  else if (address.find(':') != std::string::npos)
    return Error(Code::kInvalidArgument, "write an IPv6 address with a port as [ADDRESS]:PORT, not '" + word + "'");
  const Ip ip = TRY(ParseIp(address));
  const std::uint16_t port = TRY(ParsePort(word.substr(colon + 1)));
  return std::pair(ip, port);
}

// A number with decimals and a unit, in units of the smallest; "12.5" and a factor of 1000 make 12500.
Result<std::uint64_t> Scaled(std::string_view number, std::uint64_t factor, std::uint64_t max) {
  const std::size_t dot = number.find('.');
  const auto whole = ParseUint(number.substr(0, dot), max);
  if (!whole.ok() || *whole > max / factor) return Error(Code::kInvalidArgument, "no number of that size");
  std::uint64_t value = *whole * factor;
  if (dot == std::string_view::npos) return value;
  const std::string_view decimals = number.substr(dot + 1);
  if (decimals.empty() || decimals.size() > 9) return Error(Code::kInvalidArgument, "no number");
  std::uint64_t part = factor;
  for (const char c : decimals) {
    part /= 10;
    if (c < '0' || c > '9') return Error(Code::kInvalidArgument, "no number");
    value += part * static_cast<unsigned>(c - '0');
  }
  if (value > max) return Error(Code::kInvalidArgument, "no number of that size");
  return value;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
Result<std::uint64_t> WithUnit(std::string_view text, std::span<const Unit> units, std::uint64_t max,
                               const std::string& form) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    const auto value = Scaled(Trim(text.substr(0, text.size() - unit.name.size())), unit.factor, max);
    if (value.ok()) return *value;
    break;
  }
  return Bad(text, form);
}

// One condition of a firewall's rule. False when the word is none.
Result<bool> ReadCondition(Sentence& sentence, FirewallRule& rule) {
  if (sentence.Take("in")) {
    rule.in = sentence.Next();
  } else if (sentence.Take("out")) {
    rule.out = sentence.Next();
  } else if (sentence.Take("from")) {
    rule.from = TRY(ParseIpPrefix(sentence.Next(), /*bare=*/true));
  } else if (sentence.Take("to")) {
    rule.to = TRY(ParseIpPrefix(sentence.Next(), /*bare=*/true));
  } else if (sentence.Take("established")) {
    rule.established = true;
  } else if (const std::string word = sentence.Peek();
             word == "tcp" || word == "udp" || word == "icmp" || word == "icmpv6") {
    if (!rule.protocol.empty()) return sentence.Wrong("a packet is of one protocol only");
    rule.protocol = sentence.Next();
    if (IsNumber(sentence.Peek())) {
      if (word.starts_with("icmp")) return sentence.Wrong(word + " has no ports");
      rule.port = TRY(ParsePort(sentence.Next()));
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::string& word : Split(text, ' '))
    if (!word.empty()) words.push_back(std::move(word));
  return words;
}

Result<Route> ParseRoute(std::string_view text) {
  const std::string form = "a route is 'default via ADDRESS' or 'NETWORK/LENGTH via ADDRESS'";
  const std::vector<std::string> words = Words(text);
  if (words.size() != 3 || words[1] != "via") return Bad(text, form);
  Route route;
  route.via = TRY(ParseIp(words[2]));
  route.to.address.v6 = route.via.v6;
  if (words[0] != "default") route.to = TRY(ParseIpPrefix(words[0]));
  if (route.to.address.v6 != route.via.v6) return Bad(text, "a network and the way to it are of one family");
  if (route.to != route.to.Network())
    return Bad(text, "the network is " + ToString(route.to.Network()) + " (no bits beyond its length)");
  return route;
}

Result<FirewallRule> ParseRule(std::string_view text) {
  Sentence sentence(text);
  FirewallRule rule;
  rule.accept = sentence.Peek() == "accept";
  if (const std::string verdict = sentence.Next(); verdict != "accept" && verdict != "drop")
    return Bad(text, "a rule begins with 'accept' or 'drop'");
  while (!sentence.done()) {
    const bool known = TRY_CTX(ReadCondition(sentence, rule), "'" + std::string(text) + "'");
    if (!known)
      return Bad(text, "'" + sentence.Peek() +
                           "' is no condition; there are 'in IF', 'out IF', 'from NET', 'to NET', "
                           "'established', 'tcp [PORT]', 'udp [PORT]', 'icmp', 'icmpv6'");
  }
  if (rule.from && rule.to && rule.from->address.v6 != rule.to->address.v6)
    return Bad(text, "no packet has addresses of two families");
  return rule;
}

Result<Publish> ParsePublish(std::string_view text) {
  const std::vector<std::string> words = Words(text);
  if (words.size() != 5 || words[3] != "to" || (words[1] != "tcp" && words[1] != "udp"))
    return Bad(text, "a published port is 'IF tcp|udp PORT to ADDRESS:PORT'");
  Publish publish;
  publish.in = words[0];
  publish.protocol = words[1];
  publish.port = TRY(ParsePort(words[2]));
  std::tie(publish.to, publish.to_port) = TRY(ParseAddressAndPort(words[4]));
  return publish;
}

Result<std::uint32_t> ParseLoss(std::string_view text) {
  constexpr auto kUnits = std::to_array<Unit>({{"%", 100}});
  const std::uint64_t value = TRY(WithUnit(text, kUnits, 10000, "a loss is a percentage, as '5%' or '0.25%'"));
  return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> ParseDelay(std::string_view text) {
  constexpr auto kUnits = std::to_array<Unit>({{"ms", 1000}, {"us", 1}, {"s", 1000000}});
  const std::string form = "a time is a number and us, ms or s, as '10ms', at most a minute";
  const std::uint64_t value = TRY(WithUnit(text, kUnits, 60'000'000, form));
  return static_cast<std::uint32_t>(value);
}

Result<std::uint64_t> ParseRate(std::string_view text) {
  constexpr auto kUnits = std::to_array<Unit>({{"kbit", 1000}, {"mbit", 1000'000}, {"gbit", 1000'000'000}});
  const std::string form = "a rate is a number and kbit, mbit or gbit, as '10mbit', from 8kbit to 1000gbit";
  const std::uint64_t value = TRY(WithUnit(ToLower(text), kUnits, 1000'000'000'000, form));
  if (value < 8000) return Bad(text, form);
  return value;
}

Result<CheckWords> ParseCheck(std::string_view text) {
  Sentence sentence(text);
  CheckWords check;
  check.from = sentence.Next();
  if (sentence.Take("cannot")) check.reaches = false;
  if (check.from.empty() || (!sentence.Take("reach") && (!check.reaches || !sentence.Take("reaches"))))
    return Bad(text, "a check is 'NODE reaches TO' or 'NODE cannot reach TO', with 'tcp PORT' or without");
  check.to = sentence.Next();
  if (check.to.empty()) return Bad(text, "says not what is reached");
  if (sentence.Take("tcp")) check.tcp = TRY_CTX(ParsePort(sentence.Next()), "'" + std::string(text) + "'");
  if (check.tcp != 0 && sentence.Take("at")) check.at = sentence.Next();
  if (!sentence.done()) return Bad(text, "'" + sentence.Peek() + "' has no place behind it");
  if ((check.from == "all") != (check.to == "all")) return Bad(text, "'all' stands on both sides or on none");
  return check;
}

}  // namespace estiba::lab
