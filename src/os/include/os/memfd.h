#pragma once

#include <string>
#include <string_view>

#include "os/fd.h"

namespace estiba::os {

// A memfd holding `bytes`, sealed against writing, growing, shrinking and unsealing (memfd_create(2)); CLOEXEC.
// `executable` false adds MFD_NOEXEC_SEAL where the kernel has it.
Result<UniqueFd> MakeSealedMemfd(const std::string& name, std::string_view bytes, bool executable = false);
// An empty, writable memfd; CLOEXEC.
Result<UniqueFd> MakeMemfd(const std::string& name);
// The whole program file at `path` as a sealed, executable memfd.
Result<UniqueFd> CopyToSealedMemfd(const std::string& name, const std::string& path);

}  // namespace estiba::os
