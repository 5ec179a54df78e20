#pragma once
// Programs that monitors start beside them, for all containers of root or of a user: estiba-netd, estiba-uplink.

#include <functional>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::os {

inline constexpr int kCompanionListener = 3;  // a SEQPACKET socket that listens
inline constexpr int kCompanionFolder = 4;    // what it is in, open for reading

// The main() of such a program: checks that it was started so (2 if not), and runs `run` with both descriptors, whose
// failure it logs. Does not come back: a sanitizer's search for leaks at exit needs what sandboxes forbid.
[[noreturn]] void RunCompanion(const char* program,
                               const std::function<Status(UniqueFd listener, UniqueFd folder)>& run);

}  // namespace estiba::os
