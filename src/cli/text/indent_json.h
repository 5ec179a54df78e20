#pragma once

#include <string>
#include <string_view>

namespace estiba::cli {

// A valid JSON text laid out as Go's json.Indent does, `indent` a level: only the blanks between its tokens change.
std::string IndentJson(std::string_view json, std::string_view indent);

}  // namespace estiba::cli
