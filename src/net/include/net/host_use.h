#pragma once
// That containers are on bridges of this host, told between their monitors and engines by a lock (file "lock" in a
// folder beside the records of forwarding.h), which the kernel lets go of whoever dies. When nobody holds it, what they
// shared goes.

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::net {

// To be kept for as long as the container is on a bridge. Waits, milliseconds, for somebody who clears just now.
Result<os::UniqueFd> UseHost(const std::string& folder);
// The table, the bridge of that name if it is ours, and forwarding, unless somebody uses them or a bridge of ours has a
// link yet. True when nothing of it is there afterwards. Quick when there was nothing.
Result<bool> ClearHost(const std::string& folder, const std::string& bridge);

}  // namespace estiba::net
