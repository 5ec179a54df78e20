#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace estiba::monitor {

// A container's two folders: DATA/containers/ID (plan, journal, log) and RUN/c/ID (lock, sock).
struct Folders {
  os::UniqueFd container;
  os::UniqueFd run;
};

// RUN/c/ID/lock: at most one monitor a container. A record lock, because those are not inherited: a child
// that is between clone and exec must not keep a dead monitor's lock. Waits a short time for one that is just
// ending. kConflict when another monitor holds it.
Result<os::UniqueFd> TakeLock(os::DirFd run_dir);

}  // namespace estiba::monitor
