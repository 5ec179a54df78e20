#pragma once

#include "base/result.h"

namespace estiba::netd {

// Before the first byte of a container is read: no privilege that is not needed, files only below `folder`, no other
// program.
Status EnterSandbox(int folder);

}  // namespace estiba::netd
