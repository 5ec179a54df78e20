#pragma once
// Capability names, numbers and sets (capabilities(7)).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::security {

// Bit N is capability number N.
using CapabilitySet = std::uint64_t;

// The highest number this source knows; the kernel may know more or fewer.
inline constexpr unsigned kLastCapability = 40;  // CAP_CHECKPOINT_RESTORE

constexpr CapabilitySet CapabilityBit(unsigned number) { return CapabilitySet{1} << number; }
constexpr CapabilitySet AllCapabilities() { return CapabilityBit(kLastCapability + 1) - 1; }

// "CAP_SYS_ADMIN"; null for an unknown number.
const char* CapabilityName(unsigned number);
// With or without "CAP_", any case. kInvalidArgument when unknown.
Result<unsigned> ParseCapability(std::string_view name);
// Names to a set. Unknown names are collected in `unknown` when given (the specification: warn and ignore), else an
// error.
Result<CapabilitySet> ParseCapabilities(const std::vector<std::string>& names,
                                        std::vector<std::string>* unknown = nullptr);
// Upper-case "CAP_…" names, by number.
std::vector<std::string> CapabilityNames(CapabilitySet set);

// What Docker gives a container that asked for nothing.
CapabilitySet DefaultCapabilities();
// `--cap-add` and `--cap-drop` over `base`, as Docker reads them: "ALL" in either; drop ALL with adds leaves the adds;
// add ALL with drops leaves all but the drops.
Result<CapabilitySet> TweakCapabilities(CapabilitySet base, const std::vector<std::string>& add,
                                        const std::vector<std::string>& drop);

}  // namespace estiba::security
