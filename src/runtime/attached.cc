#include "attached.h"

#include <cerrno>

#include "os/mount.h"
#include "os/mountns.h"

namespace estiba::runtime {

Status WithAttached(const std::vector<int>& mounts, const std::function<Status()>& work) {
  Status done = work();
  if (done.ok() || done.error().errnum() != EINVAL || mounts.empty()) return done;
  return os::InPrivateMounts([&]() -> Status {
    // Over the root, which this process, already inside, keeps seeing uncovered.
    for (const int mount : mounts) TRY(os::AttachMount(mount, "/"));
    return work();
  });
}

}  // namespace estiba::runtime
