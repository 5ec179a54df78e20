#pragma once
// Project quotas (quotactl(2), ext4 and xfs): room for a directory and all that is made in it.

#include <cstdint>

#include "base/result.h"

namespace estiba::os {

// Whether the file system of `fd` keeps limits of projects (it is mounted with prjquota or pquota). quotactl_fd(2):
// kernel ≥ 5.14; earlier the answer is no.
bool KeepsProjectLimits(int fd);
// Bytes that the files of a project take.
Result<std::uint64_t> ProjectUsage(int fd, std::uint32_t project);
// No file belongs to it, and no limit is set.
Result<bool> IsProjectFree(int fd, std::uint32_t project);
// What is made in the directory from now on belongs to the project, and so do directories' contents below it.
Status SetProject(int directory, std::uint32_t project);
// Bytes that the files of a project may take; 0: no limit any more.
Status SetProjectLimit(int fd, std::uint32_t project, std::uint64_t bytes);

}  // namespace estiba::os
