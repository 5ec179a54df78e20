#include "cgroup/variant.h"

#include <array>
#include <optional>

#include "base/parse.h"

namespace estiba::cgroup {
namespace {

constexpr unsigned kDeepest = 8;
constexpr std::size_t kMostItems = 4096;

struct Keyword {
  std::string_view word;
  char type;
};
constexpr std::array<Keyword, 11> kKeywords = {{{"boolean", 'b'}, {"byte", 'y'}, {"int16", 'n'}, {"uint16", 'q'},
                                                {"int32", 'i'}, {"uint32", 'u'}, {"int64", 'x'}, {"uint64", 't'},
                                                {"string", 's'}, {"objectpath", 'o'}, {"signature", 'g'}}};

bool IsInteger(char type) { return std::string_view("ynqiuxt").find(type) != std::string_view::npos; }

Result<std::uint64_t> ParseInteger(std::string_view text, char type) {
  const bool hex = text.starts_with("0x");
  if (hex) {
    std::uint64_t value = 0;
    if (text.size() < 3 || text.size() > 18) return Error(Code::kInvalidArgument, "not a number");
    for (const char c : text.substr(2)) {
      const auto digit = std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20));
      if (digit == std::string_view::npos) return Error(Code::kInvalidArgument, "not a number");
      value = value << 4 | digit;
    }
    return value;
  }
  switch (type) {
    case 'y': return ParseUint(text, UINT8_MAX);
    case 'q': return ParseUint(text, UINT16_MAX);
    case 'u': return ParseUint(text, UINT32_MAX);
    case 't': return ParseUint(text);
    default: break;
  }
  const int bits = type == 'n' ? 15 : type == 'x' ? 63 : 31;
  const std::int64_t most = static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
  const std::int64_t value = TRY(ParseInt(text, -most - 1, most));
  return static_cast<std::uint64_t>(value);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Variant> Whole() {
    Variant value = TRY(Value("", 0));
    SkipBlanks();
    if (at_ != text_.size()) return Bad("text behind the value");
    return value;
  }

 private:
  Error Bad(const std::string& why) const {
    return Error(Code::kInvalidArgument, "value '" + std::string(text_) + "': " + why + " at " + std::to_string(at_));
  }
  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view Word() {
    SkipBlanks();
    const std::size_t start = at_;
    const auto ends = [](char c) { return std::string_view(" \t\n,()[]'\"<>{}@").find(c) != std::string_view::npos; };
    while (at_ < text_.size() && !ends(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  // `wanted`: the type that is known already, or empty.
  Result<Variant> Value(std::string_view wanted, unsigned depth) {
    if (depth > kDeepest) return Bad("nested too deep");
    SkipBlanks();
    if (at_ >= text_.size()) return Bad("a value is missing");
    const char first = text_[at_];
    if (first == '@') return Annotated(depth);
    if (first == '\'' || first == '"') return Text(wanted);
    if (Take('[')) return Array(wanted, depth);
    if (Take('(')) return Tuple(wanted, depth);
    const std::string_view word = Word();
    for (const Keyword& keyword : kKeywords) {
      if (word == keyword.word) return Value(std::string_view(&keyword.type, 1), depth + 1);
    }
    return Plain(word, wanted);
  }

  Result<Variant> Plain(std::string_view word, std::string_view wanted) {
    Variant value;
    if (word == "true" || word == "false") {
      value.type = "b";
      value.number = word == "true" ? 1 : 0;
    } else {
      value.type = wanted.empty() ? "i" : std::string(wanted);
      if (value.type.size() != 1 || !IsInteger(value.type[0]))
        return Bad("a value of type '" + value.type + "' was expected");
      const auto number = ParseInteger(word, value.type[0]);
      if (!number.ok()) return Bad("'" + std::string(word) + "' is no number of type '" + value.type + "'");
      value.number = *number;
    }
    if (!wanted.empty() && value.type != wanted)
      return Bad("a value of type '" + std::string(wanted) + "' was expected");
    return value;
  }

  Result<Variant> Text(std::string_view wanted) {
    const char quote = text_[at_++];
    Variant value;
    value.type = wanted.empty() ? "s" : std::string(wanted);
    if (value.type != "s" && value.type != "o" && value.type != "g") return Bad("text was not expected");
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && ++at_ >= text_.size()) break;
      if (text_[at_] == '\0') return Bad("a zero byte");
      value.text += text_[at_++];
    }
    if (at_ >= text_.size()) return Bad("the text does not end");
    ++at_;
    return value;
  }

  Result<Variant> Array(std::string_view wanted, unsigned depth) {
    if (!wanted.empty() && wanted[0] != 'a') return Bad("an array was not expected");
    std::string element(wanted.empty() ? "" : wanted.substr(1));
    Variant value;
    while (!Take(']')) {
      if (!value.items.empty() && !Take(',')) return Bad("',' or ']' was expected");
      if (value.items.size() >= kMostItems) return Bad("too many items");
      value.items.push_back(TRY(Value(element, depth + 1)));
      element = value.items.back().type;  // the first says what all are
    }
    if (element.empty()) return Bad("an empty array needs its type, as in '@as []'");
    value.type = "a" + element;
    return value;
  }

  Result<Variant> Tuple(std::string_view wanted, unsigned depth) {
    Variant value;
    value.type = "(";
    while (!Take(')')) {
      if (!value.items.empty() && !Take(',')) return Bad("',' or ')' was expected");
      if (value.items.size() >= kMostItems) return Bad("too many items");
      value.items.push_back(TRY(Value("", depth + 1)));
      value.type += value.items.back().type;
    }
    value.type += ")";
    if (value.items.empty()) return Bad("an empty tuple");
    if (!wanted.empty() && value.type != wanted)
      return Bad("a tuple of type '" + std::string(wanted) + "' was expected");
    return value;
  }

  // "@as []": only of basic types and arrays of them; tuples say their types by themselves, but for an empty list of
  // pairs.
  Result<Variant> Annotated(unsigned depth) {
    ++at_;
    constexpr std::string_view kPairs = "a(ss)";
    if (text_.substr(at_).starts_with(kPairs)) {
      at_ += kPairs.size();
      return Value(kPairs, depth + 1);
    }
    const std::string_view type = Word();
    const std::size_t basic = type.find_first_not_of('a');
    const bool known = basic != std::string_view::npos && basic + 1 == type.size() && type.size() <= kDeepest &&
                       std::string_view("bynqiuxtsog").find(type[basic]) != std::string_view::npos;
    if (!known) return Bad("type '" + std::string(type) + "' is not known");
    return Value(type, depth + 1);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Variant> ParseVariant(std::string_view text) { return Parser(text).Whole(); }

std::string QuoteVariant(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace estiba::cgroup
