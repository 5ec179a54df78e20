#include "os/image_mount.h"

#include <string>

#include <linux/mount.h>

namespace estiba::os {

Result<DetachedMount> MountErofs(int image) {
  auto context = TRY(FilesystemContext::Open("erofs"));
  // By its descriptor: paths have a limit here, and mean something else to each who reads them.
  TRY(context.SetString("source", "/proc/self/fd/" + std::to_string(image)));
  return context.Mount(MOUNT_ATTR_RDONLY);
}

}  // namespace estiba::os
