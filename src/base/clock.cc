#include "base/clock.h"

#include <cstdio>
#include <ctime>

#include "base/parse.h"

namespace estiba {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

// The two-digit number at `at`, checked.
Result<int> Field(std::string_view text, std::size_t at, std::size_t digits, int min, int max) {
  if (at + digits > text.size()) return Error(Code::kInvalidArgument, "time is too short");
  const auto value = TRY(ParseInt(text.substr(at, digits), min, max));
  return static_cast<int>(value);
}

Error BadTime(std::string_view text) {
  return Error(Code::kInvalidArgument, "'" + std::string(text) + "' is not an RFC 3339 time");
}

Result<std::int64_t> Offset(std::string_view zone) {
  if (zone == "Z" || zone == "z") return std::int64_t{0};
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return BadTime(zone);
  const int hours = TRY(Field(zone, 1, 2, 0, 23));
  const int minutes = TRY(Field(zone, 4, 2, 0, 59));
  const std::int64_t seconds = hours * 3600 + minutes * 60;
  return zone[0] == '-' ? -seconds : seconds;
}

}  // namespace

WallTime WallNow() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return WallTime(std::chrono::nanoseconds(now.tv_sec * kNanosPerSecond + now.tv_nsec));
}

std::string FormatRfc3339(WallTime time) {
  const std::int64_t total = time.time_since_epoch().count();
  std::int64_t nanos = total % kNanosPerSecond;
  std::time_t seconds = total / kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  std::size_t used = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  if (nanos != 0) {
    used += static_cast<std::size_t>(
        std::snprintf(text + used, sizeof text - used, ".%09lld", static_cast<long long>(nanos)));
    while (text[used - 1] == '0') --used;
  }
  return std::string(text, used) + "Z";
}

Result<WallTime> ParseRfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
      text[13] != ':' || text[16] != ':')
    return BadTime(text);
  std::tm parts{};
  parts.tm_year = TRY(Field(text, 0, 4, 0, 9999)) - 1900;
  parts.tm_mon = TRY(Field(text, 5, 2, 1, 12)) - 1;
  parts.tm_mday = TRY(Field(text, 8, 2, 1, 31));
  parts.tm_hour = TRY(Field(text, 11, 2, 0, 23));
  parts.tm_min = TRY(Field(text, 14, 2, 0, 59));
  parts.tm_sec = TRY(Field(text, 17, 2, 0, 60));
  std::size_t at = 19;
  std::int64_t nanos = 0;
  if (text[at] == '.') {
    std::size_t digits = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      if (++digits <= 9) nanos = nanos * 10 + (text[at] - '0');
    }
    if (digits == 0) return BadTime(text);
    for (; digits < 9; ++digits) nanos *= 10;
  }
  const std::int64_t offset = TRY(Offset(text.substr(at)));
  const std::int64_t seconds = ::timegm(&parts) - offset;
  return WallTime(std::chrono::nanoseconds(seconds * kNanosPerSecond + nanos));
}

}  // namespace estiba
