#include "text/units.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <span>
#include <string_view>

namespace estiba::cli {
namespace {

std::string Scale(double value, double base, std::span<const std::string_view> units, int digits) {
  std::size_t unit = 0;
  for (; value >= base && unit + 1 < units.size(); ++unit) value /= base;
  std::array<char, 64> text{};
  const int used = std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return std::string(text.data(), static_cast<std::size_t>(used)) + std::string(units[unit]);
}

std::string Count(std::int64_t number, std::string_view unit) {
  return std::to_string(number) + " " + std::string(unit);
}

}  // namespace

std::string HumanSize(double bytes, int digits) {
  static constexpr std::array<std::string_view, 9> kUnits{"B",  "kB", "MB", "GB", "TB",
                                                          "PB", "EB", "ZB", "YB"};
  return Scale(bytes, 1000, kUnits, digits);
}

std::string BinarySize(double bytes) {
  static constexpr std::array<std::string_view, 9> kUnits{"B",   "KiB", "MiB", "GiB", "TiB",
                                                          "PiB", "EiB", "ZiB", "YiB"};
  return Scale(bytes, 1024, kUnits, 4);
}

std::string HumanDuration(std::chrono::nanoseconds duration) {
  const double total = std::chrono::duration<double>(duration).count();
  const auto seconds = static_cast<std::int64_t>(total);
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return Count(seconds, "seconds");
  const std::int64_t minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return Count(minutes, "minutes");
  const auto hours = static_cast<std::int64_t>(total / 3600 + 0.5);
  if (hours == 1) return "About an hour";
  if (hours < 48) return Count(hours, "hours");
  const std::int64_t days = hours / 24;
  if (days < 14) return Count(days, "days");
  if (days < 60) return Count(days / 7, "weeks");
  if (days < 365 * 2) return Count(days / 30, "months");
  return Count(days / 365, "years");
}

std::string GoTime(WallTime time) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 96> text{};
  const std::size_t used = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %z %Z", &parts);
  return {text.data(), used};
}

}  // namespace estiba::cli
