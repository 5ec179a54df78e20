#include "layered_mount.h"

#include <string>

#include <linux/capability.h>

#include "os/fsids.h"
#include "os/overlay.h"

namespace estiba::image {

Result<os::DetachedMount> MountLayered(const LayeredMount& layers) {
  // Files are written with the rights of who mounts it, and CAP_SYS_RESOURCE is above quotas.
  const os::WithoutCapability bounded = TRY(os::WithoutCapability::Drop(CAP_SYS_RESOURCE));
  const os::InDescriptors relative = TRY(os::InDescriptors::Enter());
  auto overlay = TRY(os::FilesystemContext::Open("overlay"));
  TRY(overlay.SetString("source", "overlay"));
  std::vector<int> lowers;
  for (const os::UniqueFd& lower : layers.lowers) lowers.push_back(lower.get());
  TRY(os::AddLowers(overlay, lowers));
  if (layers.upper.valid()) {
    TRY(overlay.SetString("upperdir", std::to_string(layers.upper.get())));
    TRY(overlay.SetString("workdir", std::to_string(layers.work.get())));
  }
  TRY(os::SetBehaviour(overlay, {.user_xattrs = layers.user_xattrs}));
  return overlay.Mount(0);
}

}  // namespace estiba::image
