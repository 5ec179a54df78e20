#pragma once

#include <chrono>
#include <string_view>

#include "base/result.h"

namespace estiba {

// "1h2m3.5s", "-10ms", "0": what Go's time.ParseDuration takes, to the nanosecond; what is below one is cut off.
// kInvalidArgument `time: invalid duration "…"`.
Result<std::chrono::nanoseconds> ParseGoDuration(std::string_view text);

}  // namespace estiba
