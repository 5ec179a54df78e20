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

// By <chrono>'s calendar: the C library's gmtime brings time zones and their files along, 80 kB in a static program.
std::string FormatRfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const auto number = [](auto count) { return static_cast<int>(count); };
  char text[64];
  auto used = static_cast<std::size_t>(
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", number(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    number(clock.hours().count()), number(clock.minutes().count()), number(clock.seconds().count())));
  if (const int nanos = number(clock.subseconds().count()); nanos != 0) {
    used += static_cast<std::size_t>(std::snprintf(text + used, sizeof text - used, ".%09d", nanos));
    while (text[used - 1] == '0') --used;
  }
  return std::string(text, used) + "Z";
}

Result<WallTime> ParseRfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
      text[13] != ':' || text[16] != ':')
    return BadTime(text);
  const int year = TRY(Field(text, 0, 4, 0, 9999));
  const int month = TRY(Field(text, 5, 2, 1, 12));
  const int day = TRY(Field(text, 8, 2, 1, 31));
  const int hours = TRY(Field(text, 11, 2, 0, 23));
  const int minutes = TRY(Field(text, 14, 2, 0, 59));
  const int second = TRY(Field(text, 17, 2, 0, 60));
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return BadTime(text);
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
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86400 + hours * 3600 + minutes * 60 + second - offset;
  constexpr std::int64_t kMostSeconds = INT64_MAX / kNanosPerSecond - 1;  // nanoseconds end in the year 2262
  if (seconds < -kMostSeconds || seconds > kMostSeconds) {
    return Error(Code::kOutOfRange, "time '" + std::string(text) + "' is out of range");
  }
  return WallTime(std::chrono::nanoseconds(seconds * kNanosPerSecond + nanos));
}

}  // namespace estiba
