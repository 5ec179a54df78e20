#pragma once

#include "base/result.h"
#include "store/snapshots.h"

namespace estiba::store {

// Whether containers' writable directories can be overlays here: one is mounted on directories of the snapshots, which
// are gone afterwards. The error is the kernel's reason (an overlay as the file system below, one whose directories do
// not tell the kinds of their entries, no right to mount). `userxattr` in a user namespace.
Status ProbeOverlay(const Snapshots& snapshots, bool userxattr);

}  // namespace estiba::store
