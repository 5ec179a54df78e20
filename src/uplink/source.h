#pragma once
// Whose address a relayed connection has in the container.

#include "base/result.h"
#include "os/fd.h"
#include "os/inet.h"

namespace estiba::uplink {

// A connection to `target`, under way, in the client's name where that leads back to us; else in that of the
// container's gateway: for clients of the host's loopback, of the other family, and of a neighbour's address.
Result<os::UniqueFd> ConnectFor(int type, const os::InetPeer& client, const os::InetPeer& target);

}  // namespace estiba::uplink
