#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba {

// "1h2m3.5s", "-10ms", "0": what Go's time.ParseDuration takes, to the nanosecond; what is below one is cut off.
// kInvalidArgument `time: invalid duration "…"`.
Result<std::chrono::nanoseconds> ParseGoDuration(std::string_view text);
// As Go's Duration.String() writes it: "1h0m30s", "1.5s", "20ms", "3\u00b5s", "7ns", "0s".
std::string FormatGoDuration(std::chrono::nanoseconds duration);

}  // namespace estiba
