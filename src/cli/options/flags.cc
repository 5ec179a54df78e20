#include "options/flags.h"

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "options/values.h"

namespace estiba::cli {
namespace {

constexpr Flag kHelp{'\0', "help", Kind::kBool, "", "Print usage"};

Error Usage(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Status Check(const Flag& flag, const std::string& value) {
  switch (flag.kind) {
    case Kind::kBool: TRY(ParseBool(value)); break;
    case Kind::kInt: TRY(ParseGoInt(value)); break;
    case Kind::kDecimal: TRY(ParseNanoCpus(value)); break;
    case Kind::kBytes: TRY(ParseBytes(value)); break;
    case Kind::kFilter:
      if (const auto equals = value.find('='); equals == std::string::npos || equals == 0)
        return Usage("invalid filter '" + value + "'");
      break;
    case Kind::kSwap:
      if (value != "-1") TRY(ParseBytes(value));
      break;
    case Kind::kString:
    case Kind::kList:
    case Kind::kCommaList: break;
  }
  return Ok();
}

}  // namespace

std::string FlagTitle(const Flag& flag) {
  const std::string name = "--" + std::string(flag.name);
  return flag.letter == '\0' ? name : std::string("-") + flag.letter + ", " + name;
}

class FlagParser {
 public:
  FlagParser(std::span<const Flag> flags, std::span<const std::string_view> words)
      : flags_(flags), words_(words) {}

  Result<Options> Parse(bool stop_at_positional) {
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      if (word == "--") break;
      if (word.size() < 2 || word[0] != '-') {
        if (stop_at_positional) {
          --at_;
          break;
        }
        options_.args_.emplace_back(word);
      } else if (word[1] == '-') {
        TRY(ParseLong(word));
      } else {
        TRY(ParseShort(word));
      }
    }
    for (; at_ < words_.size(); ++at_) options_.args_.emplace_back(words_[at_]);
    return std::move(options_);
  }

 private:
  const Flag* FindName(std::string_view name) const {
    for (const Flag& flag : flags_)
      if (flag.name == name) return &flag;
    return name == kHelp.name ? &kHelp : nullptr;
  }

  const Flag* FindLetter(char letter) const {
    for (const Flag& flag : flags_)
      if (flag.letter == letter) return &flag;
    return letter == 'h' ? &kHelp : nullptr;
  }

  Status Store(const Flag& flag, std::string value) {
    if (auto checked = Check(flag, value); !checked.ok())
      return Usage("invalid argument \"" + value + "\" for \"" + FlagTitle(flag) +
                   "\" flag: " + checked.error().Message());
    auto& values = options_.values_[std::string(flag.means.empty() ? flag.name : flag.means)];
    if (flag.kind == Kind::kCommaList) {
      for (auto& part : Split(value, ',')) values.push_back(std::move(part));
    } else {
      values.push_back(std::move(value));
    }
    return Ok();
  }

  Status ParseLong(std::string_view word) {
    const std::string_view body = word.substr(2);
    const auto equals = body.find('=');
    const std::string_view name = body.substr(0, equals);
    if (name.empty() || name[0] == '-') return Usage("bad flag syntax: " + std::string(word));
    const Flag* flag = FindName(name);
    if (flag == nullptr) return Usage("unknown flag: --" + std::string(name));
    if (equals != std::string_view::npos) return Store(*flag, std::string(body.substr(equals + 1)));
    if (flag->kind == Kind::kBool) return Store(*flag, "true");
    if (at_ == words_.size()) return Usage("flag needs an argument: --" + std::string(name));
    return Store(*flag, std::string(words_[at_++]));
  }

  // One word may bundle letters; the first that takes a value takes the rest of the word, or the next word.
  Status ParseShort(std::string_view word) {
    for (std::string_view rest = word.substr(1); !rest.empty(); rest.remove_prefix(1)) {
      const Flag* flag = FindLetter(rest[0]);
      const std::string where = " in -" + std::string(rest);
      if (flag == nullptr) return Usage(std::string("unknown shorthand flag: '") + rest[0] + "'" + where);
      if (rest.size() > 2 && rest[1] == '=') return Store(*flag, std::string(rest.substr(2)));
      if (flag->kind == Kind::kBool) {
        TRY(Store(*flag, "true"));
        continue;
      }
      if (rest.size() > 1) return Store(*flag, std::string(rest.substr(1)));
      if (at_ == words_.size())
        return Usage(std::string("flag needs an argument: '") + rest[0] + "'" + where);
      return Store(*flag, std::string(words_[at_++]));
    }
    return Ok();
  }

  std::span<const Flag> flags_;
  std::span<const std::string_view> words_;
  std::size_t at_ = 0;
  Options options_;
};

Result<Options> ParseFlags(std::span<const Flag> flags, std::span<const std::string_view> words,
                           bool stop_at_positional) {
  return FlagParser(flags, words).Parse(stop_at_positional);
}

bool Options::Has(std::string_view name) const { return values_.find(name) != values_.end(); }

const std::vector<std::string>& Options::List(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second;
}

std::string Options::Text(std::string_view name, std::string_view otherwise) const {
  const auto& values = List(name);
  return values.empty() ? std::string(otherwise) : values.back();
}

bool Options::On(std::string_view name, bool otherwise) const {
  const auto& values = List(name);
  return values.empty() ? otherwise : *ParseBool(values.back());  // checked when it was stored
}

std::int64_t Options::Int(std::string_view name, std::int64_t otherwise) const {
  const auto& values = List(name);
  return values.empty() ? otherwise : *ParseGoInt(values.back());
}

std::int64_t Options::Bytes(std::string_view name, std::int64_t otherwise) const {
  const auto& values = List(name);
  if (values.empty()) return otherwise;
  return values.back() == "-1" ? -1 : *ParseBytes(values.back());
}

}  // namespace estiba::cli
