#pragma once

#include "base/result.h"

namespace estiba::uplink {

// In the user's network, before the first byte of a client's or container's is read: only what sockets of any address
// take, files only below `folder`, no other program. `on_host`: in the host's network, without any capability.
Status EnterSandbox(int folder, bool on_host);

}  // namespace estiba::uplink
