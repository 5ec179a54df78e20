#pragma once
// An overlay of directories that are open, for jobs that look at a container which does not run.

#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/mount.h"

namespace estiba::image {

struct LayeredMount {
  std::vector<os::UniqueFd> lowers;  // topmost first, of mounts in our mount namespace
  os::UniqueFd upper;                // with `work` what is written goes there; without, nothing can be
  os::UniqueFd work;
  bool user_xattrs = false;          // "userxattr"
};

// The process must have one thread: its working directory changes meanwhile.
Result<os::DetachedMount> MountLayered(const LayeredMount& layers);

}  // namespace estiba::image
