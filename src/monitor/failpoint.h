#pragma once

#include <string>

#include "base/result.h"

namespace estiba::monitor {

// Tests only: kills this process, as kill -9 would, when a named step is reached. Nothing but an empty
// string's check when Launch named none.
class Failpoint {
 public:
  // "NAME" or "NAME:N", the Nth time the step is reached (1 is the first).
  static Result<Failpoint> Parse(const std::string& text);
  void Hit(const char* step) {
    if (!name_.empty()) [[unlikely]]
      Count(step);
  }
  bool set() const { return !name_.empty(); }

 private:
  void Count(const char* step);
  std::string name_;
  std::uint64_t left_ = 0;
};

}  // namespace estiba::monitor
