#include "cni/version.h"

#include <string>

namespace estiba::cni {
namespace {

constexpr std::array<std::string_view, kVersions.size()> kNames = {"0.1.0", "0.2.0", "0.3.0", "0.3.1",
                                                                   "0.4.0", "1.0.0", "1.1.0"};

}  // namespace

Result<Version> ParseVersion(std::string_view text) {
  if (text.empty()) return Version::k010;
  for (const Version version : kVersions) {
    if (ToString(version) == text) return version;
  }
  return Error(Code::kInvalidArgument,
               "cniVersion '" + std::string(text.substr(0, 32)) +
                                           "' is not one of 0.1.0 to 1.1.0, which are known here");
}

std::string_view ToString(Version version) { return kNames[static_cast<std::size_t>(version)]; }

}  // namespace estiba::cni
