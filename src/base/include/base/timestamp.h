#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace estiba {

// What people and clients give for a moment: a Unix time with or without a fraction, an RFC 3339 time or the first
// part of one (local time), or a duration back from `now` such as "42m".
Result<WallTime> ParseTimestamp(std::string_view text, WallTime now);

}  // namespace estiba
