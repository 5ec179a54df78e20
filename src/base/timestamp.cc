#include "base/timestamp.h"

#include <ctime>
#include <string>

#include "base/duration.h"
#include "base/parse.h"

namespace estiba {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::uint64_t kLatest = 9'000'000'000;  // seconds; far below what a WallTime holds

Error NoTime(std::string_view text) {
  return Error(Code::kInvalidArgument, "invalid time '" + std::string(text) +
                                           "': give a Unix time, an RFC 3339 time, or a duration such as 42m");
}

// The nanoseconds of "25": a fraction's digits.
Result<std::int64_t> ParseFraction(std::string_view digits) {
  std::string padded(digits.substr(0, 9));
  padded.resize(9, '0');
  return ParseInt(padded, 0, kNanosPerSecond - 1);
}

WallTime Moment(std::int64_t seconds, std::int64_t nanos) {
  return WallTime(std::chrono::nanoseconds(seconds * kNanosPerSecond + nanos));
}

Result<WallTime> ParseUnixTime(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::uint64_t seconds = TRY(ParseUint(text.substr(0, dot), kLatest));
  const std::int64_t nanos = dot == std::string_view::npos ? 0 : TRY(ParseFraction(text.substr(dot + 1)));
  return Moment(static_cast<std::int64_t>(seconds), nanos);
}

// Local time of "2006-01-02", "2006-01-02T15:04" or "…:05[.fraction]", without a zone.
Result<WallTime> ParseLocalTime(std::string_view text) {
  std::tm parts{};
  const std::size_t dot = text.find('.');
  const std::string whole(text.substr(0, dot));
  const char* end = nullptr;
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"}) {
    parts = std::tm{};
    end = ::strptime(whole.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') break;
    end = nullptr;
  }
  if (end == nullptr) return NoTime(text);
  parts.tm_isdst = -1;
  const std::int64_t nanos = dot == std::string_view::npos ? 0 : TRY(ParseFraction(text.substr(dot + 1)));
  return Moment(::mktime(&parts), nanos);
}

}  // namespace

Result<WallTime> ParseTimestamp(std::string_view text, WallTime now) {
  if (const auto ago = ParseGoDuration(text); ago.ok()) return now - *ago;
  if (auto seconds = ParseUnixTime(text); seconds.ok()) return seconds;
  if (auto exact = ParseRfc3339(text); exact.ok()) return exact;
  auto local = ParseLocalTime(text);
  if (!local.ok()) return NoTime(text);
  return local;
}

}  // namespace estiba
