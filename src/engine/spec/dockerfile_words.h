#pragma once
// Words of a Dockerfile line. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::engine {

// Split at blanks that are neither quoted nor escaped; quotes and escapes stay.
std::vector<std::string> SplitWords(std::string_view text);

// Quotes and escapes taken away; $NAME, ${NAME}, ${NAME:-word} and ${NAME:+word} replaced from the environment
// ("NAME=value"), but for single-quoted text. kInvalidArgument for what does not end.
Result<std::string> ExpandWord(std::string_view word, const std::vector<std::string>& environment);

// The exec form: a JSON list of strings; nothing for anything else.
std::optional<std::vector<std::string>> ParseExecForm(std::string_view text);

}  // namespace estiba::engine
