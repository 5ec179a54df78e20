#include "options/values.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "base/parse.h"
#include "base/text.h"
#include "base/timestamp.h"

namespace estiba::cli {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }
Error BadSyntax(std::string_view function, std::string_view text) {
  return Bad("strconv." + std::string(function) + ": parsing \"" + std::string(text) + "\": invalid syntax");
}

Result<double> ParseFloat(std::string_view text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return BadSyntax("ParseFloat", text);
  return value;
}

Result<std::int64_t> ToInt64(double value, std::string_view text) {
  if (!(value >= 0 && value < 9.2e18)) return Bad("invalid size: '" + std::string(text) + "'");
  return static_cast<std::int64_t>(value);
}

std::string SecondsText(WallTime time) {
  const std::int64_t nanos = time.time_since_epoch().count();
  std::array<char, 48> text{};
  const int used =
      std::snprintf(text.data(), text.size(), "%lld.%09lld", static_cast<long long>(nanos / kNanosPerSecond),
                    static_cast<long long>(nanos % kNanosPerSecond));
  return {text.data(), static_cast<std::size_t>(used)};
}

}  // namespace

Result<bool> ParseBool(std::string_view text) {
  if (const auto value = FindBool(text)) return *value;
  return BadSyntax("ParseBool", text);
}

Result<std::int64_t> ParseGoInt(std::string_view text) {
  auto value = ParseInt(!text.empty() && text[0] == '+' ? text.substr(1) : text);
  if (!value.ok()) return BadSyntax("ParseInt", text);
  return value;
}

Result<std::int64_t> ParseBytes(std::string_view text) {
  const auto last = text.find_last_of("0123456789. ");
  if (last == std::string_view::npos) return Bad("invalid size: '" + std::string(text) + "'");
  const std::string_view number = text[last] == ' ' ? text.substr(0, last) : text.substr(0, last + 1);
  const std::string suffix = ToLower(text.substr(last + 1));
  const double value = TRY(ParseFloat(number));
  if (suffix.empty() || suffix == "b") return ToInt64(value, text);
  const auto power = std::string_view("kmgtp").find(suffix[0]);
  const std::string tail = suffix.substr(1);
  if (power == std::string_view::npos || (!tail.empty() && tail != "b" && tail != "ib"))
    return Bad("invalid suffix: '" + std::string(text.substr(last + 1)) + "'");
  double factor = 1;
  for (std::size_t i = 0; i <= power; ++i) factor *= 1024;
  return ToInt64(value * factor, text);
}

Result<std::int64_t> ParseNanoCpus(std::string_view text) {
  const auto value = ParseFloat(text);
  if (!value.ok()) return Bad("failed to parse " + std::string(text) + " as a rational number");
  const double nanos = *value * 1e9;
  if (!(nanos >= 0 && nanos < 9e18)) return Bad("value is out of range");
  const auto rounded = static_cast<std::int64_t>(nanos + 0.5);
  const auto fraction = text.find('.');
  if (fraction != std::string_view::npos && text.size() - fraction - 1 > 9)
    return Bad("value is too precise");
  return rounded;
}

Result<std::string> TimestampText(std::string_view text, WallTime now) {
  const WallTime time = TRY(ParseTimestamp(text, now));
  // As docker's client: what is a Unix time already goes out as it was written.
  const bool unix_time = text.find_first_not_of("0123456789.") == std::string_view::npos;
  return unix_time ? std::string(text) : SecondsText(time);
}

}  // namespace estiba::cli
