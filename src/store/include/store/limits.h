#pragma once
// Size limits of directories, by project quotas.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::store {

// How much may be written, by a project of the file system's quotas.
struct SizeLimit {
  std::uint32_t project = 0;
  std::uint64_t bytes = 0;  // 0: no limit
};

// kFailedPrecondition, with what to do, where the file system of `directory`, which is `path`, keeps no limits.
Status CheckProjectLimits(os::DirFd directory, const std::string& path);
// From `first` on one that no file on the file system has, nor a limit, and that is not in `taken`.
Result<std::uint32_t> FindFreeProject(os::DirFd directory, std::uint32_t first,
                                      const std::vector<std::uint32_t>& taken);
// Everything that is made in `directory`, which is empty, together.
Status LimitDirectory(os::DirFd directory, std::uint32_t project, std::uint64_t bytes);
// From now on the limit counts what is written beyond what is there. Meanwhile `fill` writes it, without a limit.
Status LimitGrowth(os::DirFd directory, const SizeLimit& limit, const std::function<Status()>& fill);
// The project is nobody's any more; where there are no quotas, it was none's.
Status LiftLimit(os::DirFd directory, std::uint32_t project);

}  // namespace estiba::store
