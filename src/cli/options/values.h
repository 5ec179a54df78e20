#pragma once
// Values of options, spelt as Docker's clients spell them.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace estiba::cli {

// 1, t, T, true, TRUE, True and their opposites.
Result<bool> ParseBool(std::string_view text);
Result<std::int64_t> ParseGoInt(std::string_view text);
// "64m", "1.5g", "512", "10KiB": binary units.
Result<std::int64_t> ParseBytes(std::string_view text);
// "1.5" CPUs in units of 1e-9 CPU.
Result<std::int64_t> ParseNanoCpus(std::string_view text);
// What --since and --until take (base/timestamp.h), as the API takes it: "seconds.nanoseconds".
Result<std::string> TimestampText(std::string_view text, WallTime now);

}  // namespace estiba::cli
