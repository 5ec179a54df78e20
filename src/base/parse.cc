#include "base/parse.h"

#include <charconv>
#include <string>

namespace estiba {
namespace {

template <typename T>
Result<T> ParseWhole(std::string_view text, int base, T min, T max) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, problem] = std::from_chars(text.data(), end, value, base);
  const bool whole = problem == std::errc{} && at == end;
  if (problem == std::errc::result_out_of_range || (whole && (value < min || value > max)))
    return Error(Code::kOutOfRange, "number '" + std::string(text) + "' is out of range");
  if (!whole)
    return Error(Code::kInvalidArgument, "'" + std::string(text) + "' is not a number");
  return value;
}

}  // namespace

Result<std::uint64_t> ParseUint(std::string_view text, std::uint64_t max) {
  return ParseWhole<std::uint64_t>(text, 10, 0, max);
}

Result<std::int64_t> ParseInt(std::string_view text, std::int64_t min, std::int64_t max) {
  return ParseWhole<std::int64_t>(text, 10, min, max);
}

Result<std::uint32_t> ParseMode(std::string_view text) { return ParseWhole<std::uint32_t>(text, 8, 0, 07777); }

std::optional<bool> FindBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

}  // namespace estiba
