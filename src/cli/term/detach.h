#pragma once
// The keys that leave a container without stopping it: "ctrl-p,ctrl-q" by default.

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::cli {

inline constexpr std::string_view kDefaultDetachKeys = "ctrl-p,ctrl-q";

// "ctrl-a", "ctrl-@", "ctrl-[", "x": the bytes the terminal sends.
Result<std::string> ParseDetachKeys(std::string_view text);

// Passes input on but for the sequence. What might be its beginning is held back until it is clear.
class DetachFilter {
 public:
  explicit DetachFilter(std::string keys) : keys_(std::move(keys)) {}

  struct Passed {
    std::string bytes;
    bool detached = false;
  };
  Passed Filter(std::string_view input);

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace estiba::cli
