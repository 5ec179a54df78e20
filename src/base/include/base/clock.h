#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

WallTime WallNow();
// RFC 3339 with nanoseconds in UTC, trailing zeros dropped as Go's RFC3339Nano does: "2026-01-02T03:04:05.12Z".
std::string FormatRfc3339(WallTime time);
// RFC 3339 with or without fraction, 'Z' or a numeric offset.
Result<WallTime> ParseRfc3339(std::string_view text);

}  // namespace estiba
