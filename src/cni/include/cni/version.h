#pragma once
// Versions of the Container Network Interface's specification. Pure.

#include <array>
#include <string_view>

#include "base/result.h"

namespace estiba::cni {

// In the order in which they appeared.
enum class Version : unsigned char { k010, k020, k030, k031, k040, k100, k110 };

inline constexpr std::array kVersions = {Version::k010, Version::k020, Version::k030, Version::k031,
                                         Version::k040, Version::k100, Version::k110};

// "1.0.0"; "" is 0.1.0, whose documents name none. kInvalidArgument names one that is not known here.
Result<Version> ParseVersion(std::string_view text);
std::string_view ToString(Version version);

}  // namespace estiba::cni
