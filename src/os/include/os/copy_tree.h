#pragma once
// A tree of files copied as it is.

#include "os/fd.h"

namespace estiba::os {

// Copies what is in the directory `from` into the empty directory `to`: owners, modes, modification times, attributes,
// ACLs, hard links, holes, devices and sockets; `to` gets what `from` has itself. Files share their bytes where the
// file system can (FICLONE). Follows no link and opens nothing that is no file or directory: a container may change the
// tree meanwhile, and what is gone by then is left out. kResourceExhausted when it is nested too deep.
Status CopyTree(DirFd from, DirFd to);

// The same of a directory in overlayfs's form, upon what is in `to`, which nobody else changes: whiteouts take away,
// opaque directories replace, and overlayfs's own attributes are left out.
Status CopyLayer(DirFd from, DirFd to);

}  // namespace estiba::os
