#pragma once
// Where mounts are, by descriptor.

#include "base/result.h"

namespace estiba::os {

// Mounts it over what is open at `place` (move_mount(2)), a directory or, of a mount of a file, a file.
Status AttachMountTo(int mount, int place);

// Whether what is open is the root of a mount (statx(2), kernel ≥ 5.8; before, nothing is).
bool IsMountRoot(int fd);

}  // namespace estiba::os
