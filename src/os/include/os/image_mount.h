#pragma once

#include "base/result.h"
#include "os/mount.h"

namespace estiba::os {

// The EROFS image in an open file, mounted read-only without a block device (6.12). Takes CAP_SYS_ADMIN in the first
// user namespace. The mount keeps the file: `image` may be closed, and its name go.
Result<DetachedMount> MountErofs(int image);

}  // namespace estiba::os
