#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace estiba::store {

// Whether this kernel can use layers that are EROFS images in files of that directory: it mounts them without a block
// device (6.12). Tried with an image that is gone afterwards; the error is the kernel's reason. Takes CAP_SYS_ADMIN in
// the first user namespace.
Status ProbeImages(os::DirFd directory);

}  // namespace estiba::store
