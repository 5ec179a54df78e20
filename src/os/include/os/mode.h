#pragma once
// chmod(2) where others may put something else under the name.

#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::os {

// Of what the descriptor stands for, an O_PATH one's too; no symbolic link's.
Status SetMode(int fd, mode_t mode);
// Of the entry itself; kConflict when it is a symbolic link.
Status SetModeOf(DirFd parent, const std::string& name, mode_t mode);

}  // namespace estiba::os
