#include "store/limits.h"

#include <algorithm>

#include <fcntl.h>

#include "os/quota.h"

namespace estiba::store {
namespace {

constexpr std::uint32_t kTries = 1U << 20;

}  // namespace

Status CheckProjectLimits(os::DirFd directory, const std::string& path) {
  const os::UniqueFd open = TRY(os::OpenAt(directory, ".", O_RDONLY | O_DIRECTORY));
  if (os::KeepsProjectLimits(open.get())) return Ok();
  return Error(Code::kFailedPrecondition,
               "size limits need project quotas, which the file system of '" + path + "' does not keep")
      .Hint("xfs: mount it with pquota; ext4: tune2fs -O project,quota DEVICE while it is not mounted, then mount it "
            "with prjquota");
}

Result<std::uint32_t> FindFreeProject(os::DirFd directory, std::uint32_t first,
                                      const std::vector<std::uint32_t>& taken) {
  const os::UniqueFd open = TRY(os::OpenAt(directory, ".", O_RDONLY | O_DIRECTORY));
  for (std::uint32_t project = first; project - first < kTries; ++project) {
    if (std::ranges::find(taken, project) != taken.end()) continue;
    const bool free = TRY(os::IsProjectFree(open.get(), project));
    if (free) return project;
  }
  return Error(Code::kResourceExhausted, "no project is free from " + std::to_string(first) + " on");
}

Status LimitDirectory(os::DirFd directory, std::uint32_t project, std::uint64_t bytes) {
  const os::UniqueFd open = TRY(os::OpenAt(directory, ".", O_RDONLY | O_DIRECTORY));
  TRY(os::SetProject(open.get(), project));
  return os::SetProjectLimit(open.get(), project, bytes);
}

Status LimitGrowth(os::DirFd directory, const SizeLimit& limit, const std::function<Status()>& fill) {
  const os::UniqueFd open = TRY(os::OpenAt(directory, ".", O_RDONLY | O_DIRECTORY));
  TRY(os::SetProjectLimit(open.get(), limit.project, 0));
  TRY(fill());
  const std::uint64_t there = TRY(os::ProjectUsage(open.get(), limit.project));
  return os::SetProjectLimit(open.get(), limit.project, there + limit.bytes);
}

Status LiftLimit(os::DirFd directory, std::uint32_t project) {
  const os::UniqueFd open = TRY(os::OpenAt(directory, ".", O_RDONLY | O_DIRECTORY));
  if (!os::KeepsProjectLimits(open.get())) return Ok();
  return os::SetProjectLimit(open.get(), project, 0);
}

}  // namespace estiba::store
