#pragma once
// Held by who starts estiba-netd, and by who ends: so that none starts beside one that lives, and a socket's name is
// removed by its owner alone.

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/file.h>

#include "os/fd.h"

namespace estiba::netd {

// The folder itself is locked, by a descriptor of its own; kUnavailable while somebody else holds it.
inline Result<os::UniqueFd> LockFolder(os::DirFd folder) {
  os::UniqueFd lock = TRY(os::OpenAt(folder, ".", O_RDONLY | O_DIRECTORY));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) < 0) return Error::Errno(errno, "lock the folder of endpoints");
  return lock;
}

}  // namespace estiba::netd
