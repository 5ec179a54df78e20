#include "term/detach.h"

#include "base/text.h"

namespace estiba::cli {
namespace {

Error Unknown(const std::string& key) { return {Code::kInvalidArgument, "Unknown character: '" + key + "'"}; }

Result<char> ParseKey(const std::string& key) {
  if (key.size() == 1) return key[0];
  if (key.size() != 6 || !key.starts_with("ctrl-")) return Unknown(key);
  const char letter = key[5];
  if (letter >= 'a' && letter <= 'z') return static_cast<char>(letter - 'a' + 1);
  switch (letter) {
    case '@': return '\0';
    case '[': return '\x1b';
    case '\\': return '\x1c';
    case ']': return '\x1d';
    case '^': return '\x1e';
    case '_': return '\x1f';
    default: return Unknown(key);
  }
}

}  // namespace

Result<std::string> ParseDetachKeys(std::string_view text) {
  std::string bytes;
  for (const std::string& key : Split(text, ',')) {
    const char byte = TRY(ParseKey(key));
    bytes += byte;
  }
  return bytes;
}

DetachFilter::Passed DetachFilter::Filter(std::string_view input) {
  Passed passed;
  for (const char c : input) {
    if (!keys_.empty() && c == keys_[matched_]) {
      if (++matched_ < keys_.size()) continue;
      matched_ = 0;
      passed.detached = true;
      return passed;
    }
    passed.bytes.append(keys_, 0, matched_);
    matched_ = 0;
    if (!keys_.empty() && c == keys_[0]) {
      matched_ = 1;  // the sequence may begin anew with this key
    } else {
      passed.bytes += c;
    }
  }
  return passed;
}

}  // namespace estiba::cli
