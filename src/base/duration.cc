#include "base/duration.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace estiba {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 63;  // nanoseconds: that of INT64_MIN
constexpr std::string_view kDigits = "0123456789";

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
constexpr Unit kUnits[] = {{"ns", 1}, {"us", 1'000}, {"\u00b5s", 1'000}, {"\u03bcs", 1'000}, {"ms", 1'000'000},
                           {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};

std::string_view TakeWhile(std::string_view& rest, bool digits) {
  const std::size_t end = digits ? rest.find_first_not_of(kDigits) : rest.find_first_of("0123456789.");
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(taken.size());
  return taken;
}

// Nothing when it is more than a duration holds.
std::optional<std::uint64_t> Whole(std::string_view digits, std::uint64_t unit) {
  std::uint64_t value = 0;
  for (const char digit : digits) {
    if (value > kMost / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (value > kMost / unit) return std::nullopt;
  return value * unit;
}

// Of ".75": three quarters of the unit. From the last digit on, so that each division cuts off only what cannot count.
std::uint64_t Fraction(std::string_view digits, std::uint64_t unit) {
  std::uint64_t part = 0;
  for (; !digits.empty(); digits.remove_suffix(1))
    part = (static_cast<std::uint64_t>(digits.back() - '0') * unit + part) / 10;
  return part;
}

// "1.5h" off the front; nothing when it is no such thing.
std::optional<std::uint64_t> TakePart(std::string_view& rest) {
  const std::string_view whole = TakeWhile(rest, true);
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = TakeWhile(rest, true);
  }
  const std::string_view name = TakeWhile(rest, false);
  const auto* unit = std::ranges::find(kUnits, name, &Unit::name);
  if (unit == std::end(kUnits) || (whole.empty() && fraction.empty())) return std::nullopt;
  const auto nanoseconds = Whole(whole, unit->nanoseconds);
  if (!nanoseconds) return std::nullopt;
  return *nanoseconds + Fraction(fraction, unit->nanoseconds);
}

// As many digits behind the point as say something.
std::string Decimal(std::uint64_t value, std::uint64_t unit) {
  std::string text = std::to_string(value / unit);
  std::uint64_t rest = value % unit;
  if (rest != 0) text += '.';
  for (; rest != 0; rest = rest * 10 % unit) text += static_cast<char>('0' + rest * 10 / unit);
  return text;
}

}  // namespace

Result<std::chrono::nanoseconds> ParseGoDuration(std::string_view text) {
  const auto bad = [&] {
    return Error(Code::kInvalidArgument, "time: invalid duration \"" + std::string(text) + "\"");
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return bad();
  std::uint64_t total = 0;
  while (!rest.empty()) {
    const auto part = TakePart(rest);
    if (!part || *part > kMost - total) return bad();
    total += *part;
  }
  if (total == kMost && !negative) return bad();
  return std::chrono::nanoseconds(static_cast<std::int64_t>(negative ? 0 - total : total));
}

std::string FormatGoDuration(std::chrono::nanoseconds duration) {
  const bool negative = duration.count() < 0;
  const auto total = static_cast<std::uint64_t>(duration.count());
  const std::uint64_t left = negative ? 0 - total : total;
  std::string text = negative ? "-" : "";
  constexpr std::uint64_t kSecond = 1'000'000'000;
  if (left == 0) return "0s";
  if (left < 1'000) return text + std::to_string(left) + "ns";
  if (left < 1'000'000) return text + Decimal(left, 1'000) + "\u00b5s";
  if (left < kSecond) return text + Decimal(left, 1'000'000) + "ms";
  const std::uint64_t minutes = left / (60 * kSecond);
  if (minutes >= 60) text += std::to_string(minutes / 60) + "h";
  if (minutes > 0) text += std::to_string(minutes % 60) + "m";
  return text + Decimal(left % (60 * kSecond), kSecond) + "s";
}

}  // namespace estiba
