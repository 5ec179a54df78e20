#pragma once
// A container's network namespace, held at a path: plugins know it by one, and most take things off the host only as
// long as they can look into it. The path is a file that the namespace is mounted on, which outlives every process.

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::cni {

// Of a process: the namespace it is in now.
Result<os::UniqueFd> OpenNetns(int pid);
// Makes the file, and its folder.
Status HoldNetns(int netns, const std::string& path);
// False when there is no such file, or no namespace on it.
bool HoldsNetns(const std::string& path);
// Succeeds when nothing is there.
Status ReleaseNetns(const std::string& path);

}  // namespace estiba::cni
