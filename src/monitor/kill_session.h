#pragma once

#include <sys/types.h>

namespace estiba::monitor {

// SIGKILL to the leader of a session, to everything in the session and to what descends from it, until nothing new is
// found. The leader must not have been reaped. What has left the session and whose parents have ended, a daemon, is not
// found: that ends with the container.
void KillSession(pid_t leader);

}  // namespace estiba::monitor
