#pragma once
// Strict number parsing: the whole text or an error; no sign, blank or base prefix that was not asked for.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace estiba {

// Decimal digits only. kInvalidArgument, kOutOfRange above `max`. The text is quoted in the error.
Result<std::uint64_t> ParseUint(std::string_view text, std::uint64_t max = UINT64_MAX);
// As ParseUint with an optional leading '-'.
Result<std::int64_t> ParseInt(std::string_view text, std::int64_t min = INT64_MIN, std::int64_t max = INT64_MAX);
// Octal digits (file modes), at most 07777.
Result<std::uint32_t> ParseMode(std::string_view text);

// The words that Go's strconv.ParseBool takes ("1", "t", "T", "true", "TRUE", "True" and their opposites), or nothing.
std::optional<bool> FindBool(std::string_view text);

}  // namespace estiba
