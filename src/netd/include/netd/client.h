#pragma once
// The monitor's half: finding estiba-netd, or starting it.

#include <string>

#include "base/result.h"
#include "netd/handover.h"
#include "os/fd.h"

namespace estiba::netd {

struct Place {
  std::string folder;   // of the endpoints' files: "/run/estiba/net"
  std::string program;  // estiba-netd
};
// A non-blocking connection to the estiba-netd of this folder. Starts it when there is none: one at a time, told apart
// by a lock on the folder. kUnavailable while somebody else starts it or it has no time: try again soon. Of one that is
// being killed the connection breaks at once: try again then, too.
Result<os::UniqueFd> Connect(const Place& place);
// Hands over; the sockets stay the caller's too, below 0: there are none. kUnavailable when it takes nothing any more.
Status Give(int connection, const HandOver& message, int udp, int tcp);

}  // namespace estiba::netd
