#include "dockerfile_words.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "codec/json.h"

namespace estiba::engine {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsNameChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string ValueOf(std::string_view name, const std::vector<std::string>& environment) {
  for (const std::string& entry : environment) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos && std::string_view(entry).substr(0, equals) == name)
      return entry.substr(equals + 1);
  }
  return {};
}

class Expander {
 public:
  Expander(std::string_view text, const std::vector<std::string>& environment)
      : text_(text), environment_(environment) {}

  Result<std::string> Run() {
    std::string out;
    while (at_ < text_.size()) out += TRY(Next());
    return out;
  }

 private:
  Error Unfinished(const char* what) const {
    return Error(Code::kInvalidArgument, "unexpected end of '" + std::string(text_) + "' while looking for " + what);
  }

  Result<std::string> Next() {
    const char c = text_[at_];
    if (c == '\'') return SingleQuoted();
    if (c == '"') return DoubleQuoted();
    if (c == '$') return Variable();
    ++at_;
    if (c != '\\') return std::string(1, c);
    return at_ < text_.size() ? std::string(1, text_[at_++]) : std::string();
  }

  Result<std::string> SingleQuoted() {
    const std::size_t end = text_.find('\'', ++at_);
    if (end == std::string_view::npos) return Unfinished("a single quote");
    const std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }

  Result<std::string> DoubleQuoted() {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"';) {
      const char c = text_[at_];
      if (c == '$') {
        out += TRY(Variable());
        continue;
      }
      const bool escapes = c == '\\' && at_ + 1 < text_.size() &&
                           std::string_view("\"$\\").find(text_[at_ + 1]) != std::string_view::npos;
      if (escapes) ++at_;
      out += text_[at_++];
    }
    if (at_ >= text_.size()) return Unfinished("a double quote");
    ++at_;
    return out;
  }

  Result<std::string> Variable() {
    ++at_;
    if (at_ < text_.size() && text_[at_] == '{') return Braced();
    const std::string name = Name();
    return name.empty() ? std::string("$") : ValueOf(name, environment_);
  }

  std::string Name() {
    if (at_ >= text_.size() || !IsNameStart(text_[at_])) return {};
    const std::size_t begin = at_;
    while (at_ < text_.size() && IsNameChar(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> Braced() {
    ++at_;
    const std::string name = Name();
    if (name.empty()) return Error(Code::kInvalidArgument, "bad substitution in '" + std::string(text_) + "'");
    const std::string value = ValueOf(name, environment_);
    if (at_ >= text_.size()) return Unfinished("'}'");
    if (text_[at_] == '}') {
      ++at_;
      return value;
    }
    const std::string_view modifier = text_.substr(at_, 2);
    if (modifier != ":-" && modifier != ":+")
      return Error(Code::kInvalidArgument, "unsupported modifier in the substitution of '" + name + "'");
    at_ += 2;
    std::string word;
    while (at_ < text_.size() && text_[at_] != '}') word += TRY(Next());
    if (at_ >= text_.size()) return Unfinished("'}'");
    ++at_;
    if (modifier == ":-") return value.empty() ? word : value;
    return value.empty() ? std::string() : word;
  }

  std::string_view text_;
  const std::vector<std::string>& environment_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && IsBlank(c)) {
      if (!word.empty()) out.push_back(std::exchange(word, {}));
      continue;
    }
    word += c;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

Result<std::string> ExpandWord(std::string_view word, const std::vector<std::string>& environment) {
  return Expander(word, environment).Run();
}

std::optional<std::vector<std::string>> ParseExecForm(std::string_view text) {
  if (!Trim(text).starts_with('[')) return std::nullopt;
  const auto json = codec::ParseJson(Trim(text));
  if (!json.ok() || !json->IsArray()) return std::nullopt;
  std::vector<std::string> out;
  for (const codec::Json& item : *json->IfArray()) {
    if (!item.IsString()) return std::nullopt;
    out.push_back(*item.IfString());
  }
  return out;
}

}  // namespace estiba::engine
