#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace estiba::monitor {

// A monitor's whole life: takes Launch or Recover from `engine`, a SEQPACKET socket, and ends when the container is
// over and nothing of it is left. The caller is a process of its own with one thread.
Status RunMonitor(os::UniqueFd engine);

}  // namespace estiba::monitor
