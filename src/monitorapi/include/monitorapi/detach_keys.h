#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::monitorapi {

inline constexpr std::string_view kDefaultDetachKeys = "ctrl-p,ctrl-q";

// docker's notation, keys with commas between: a character, or ctrl- with a letter or one of @ [ \ ] ^ _.
// Gives the bytes a terminal sends. Empty means the default.
Result<std::string> ParseDetachKeys(std::string_view text);

// Looks for the keys in what a client types. Bytes that may begin them are held back until it is clear.
class DetachMatcher {
 public:
  explicit DetachMatcher(std::string keys) : keys_(std::move(keys)) {}
  // Appends to `out` what goes on to the container; true when the keys were typed (what follows them is
  // dropped).
  bool Feed(std::string_view typed, std::string& out);

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace estiba::monitorapi
