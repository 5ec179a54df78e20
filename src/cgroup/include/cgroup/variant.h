#pragma once
// Values of D-Bus, written as GVariant text: "true", "uint64 5", "'strict'", "[byte 1, 2]", "[('/dev/null', 'rw')]",
// "@as []". What systemd's properties are given in, by us and by annotations. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::cgroup {

struct Variant {
  std::string type;            // a D-Bus signature: "b", "t", "s", "ay", "a(ss)"
  std::uint64_t number = 0;    // of b, y and the integers, as two's complement
  std::string text;            // of s, o and g
  std::vector<Variant> items;  // of arrays and tuples
};

// kInvalidArgument names the place. Floating-point numbers, dictionaries and maybes are not read.
Result<Variant> ParseVariant(std::string_view text);
// 'text', with quotes and backslashes escaped.
std::string QuoteVariant(std::string_view text);

}  // namespace estiba::cgroup
