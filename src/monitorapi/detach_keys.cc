#include "monitorapi/detach_keys.h"

#include "base/text.h"

namespace estiba::monitorapi {
namespace {

constexpr std::string_view kCtrl = "ctrl-";

// The byte of one key, or below 0.
int KeyByte(std::string_view key) {
  if (key.size() == 1) return static_cast<unsigned char>(key[0]);
  if (key.size() != kCtrl.size() + 1 || ToLower(key.substr(0, kCtrl.size())) != kCtrl) return -1;
  const char c = key.back();
  if (c >= 'a' && c <= 'z') return c - 'a' + 1;
  if (c == '@') return 0;
  if (c >= '[' && c <= '_') return c - '[' + 27;  // [ \ ] ^ _
  return -1;
}

}  // namespace

Result<std::string> ParseDetachKeys(std::string_view text) {
  std::string bytes;
  for (const auto& key : Split(text.empty() ? kDefaultDetachKeys : text, ',')) {
    const int byte = KeyByte(key);
    if (byte < 0)
      return Error(Code::kInvalidArgument,
                   "Invalid detach keys (" + std::string(text) + "): unknown key '" + key + "'");
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

bool DetachMatcher::Feed(std::string_view typed, std::string& out) {
  for (const char c : typed) {
    if (c == keys_[matched_]) {
      if (++matched_ < keys_.size()) continue;
      matched_ = 0;
      return true;
    }
    // The longest end of what was typed that may still begin the keys is held back; the rest goes on.
    const std::string held = keys_.substr(0, matched_) + c;
    std::size_t keep = matched_;
    while (keep > 0 && held.compare(held.size() - keep, keep, keys_, 0, keep) != 0) --keep;
    out.append(held, 0, held.size() - keep);
    matched_ = keep;
  }
  return false;
}

}  // namespace estiba::monitorapi
