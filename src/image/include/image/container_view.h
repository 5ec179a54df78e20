#pragma once
// The root of a container that does not run, as it would see it: its layers, volumes and binds. In estiba::image_work.

#include "base/result.h"
#include "image/layer_mounts.h"
#include "image/transfer.h"
#include "os/fd.h"

namespace estiba::image {

// Before the sandbox is entered, which cannot mount. Moves the process, which must have one thread, into a mount
// namespace of its own, which ends with it: nothing is left to undo. The root for everything else; a container's own
// layer is written to by kPutPath alone. `snapshots` is the store's directory; `layers` has what of the job are images.
Result<os::UniqueFd> MountView(const TransferJob& job, int snapshots, const LayerMounts& layers);

}  // namespace estiba::image
