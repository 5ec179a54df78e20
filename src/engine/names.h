#pragma once
// Identifiers and names: 64 hexadecimal digits for what we make, adjective_noun where nobody chose a name.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::engine {

// 64 lower-case hexadecimal digits from getrandom(2). Never all digits in the first 12: a hostname that is a
// number is taken for an address by some programs.
Result<std::string> MakeId();
// The first twelve digits, as people read them.
std::string ShortId(std::string_view id);
bool IsFullId(std::string_view text);

// [a-zA-Z0-9][a-zA-Z0-9_.-]*, what Docker allows for containers and volumes, and one letter alone. `what`
// goes into the message.
Status CheckName(std::string_view name, std::string_view what);

// A name for which `taken` is false; after a few tries with a number appended. `random` gives any 32 bits.
std::string MakeName(const std::function<bool(const std::string&)>& taken,
                     const std::function<std::uint32_t()>& random);
// MakeName's usual source.
std::uint32_t RandomBits();

}  // namespace estiba::engine
