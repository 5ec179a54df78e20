#pragma once

#include <string_view>

namespace estiba::cli {

inline constexpr std::string_view kVersion = ESTIBA_VERSION;  // from CMake's project()
inline constexpr std::string_view kApiVersion = "1.52";       // the newest API this client was written for

}  // namespace estiba::cli
