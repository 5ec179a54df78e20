#pragma once
// Operands as text, for what shows steps.

#include <string>

#include "plan/plan.h"

namespace estiba::plan {

std::string TextAt(const Step& step, std::size_t index);             // "" when there is none
std::uint64_t NumberAt(const Step& step, std::size_t index);         // 0 when there is none
std::string AttributesText(std::uint64_t attributes);                // "ro,nosuid" of MOUNT_ATTR_…
std::string MountOptionsText(const Step& mount);                     // "ro,size=1m" of a kMount
std::string LandlockText(std::uint64_t set);                         // "read_file read_dir"
std::string UmaskText(std::uint64_t mask);                           // "0022"

}  // namespace estiba::plan
