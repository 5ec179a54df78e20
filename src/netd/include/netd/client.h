#pragma once
// The monitor's half: finding estiba-netd, or starting it. Other programs of which a folder has one are found the same
// way.

#include <string>

#include "base/result.h"
#include "netd/handover.h"
#include "os/fd.h"

namespace estiba::netd {

struct Place {
  std::string folder;   // of the endpoints' files: "/run/estiba/net"
  std::string program;  // its file
  std::string name = "estiba-netd";
  int network = -1;  // borrowed: the network namespace whose rules are watched, when that is not where we are
};
// A non-blocking connection to the estiba-netd of this folder. Starts it when there is none: one at a time, told apart
// by a lock on the folder. kUnavailable while somebody else starts it or it has no time: try again soon. Of one that is
// being killed the connection breaks at once: try again then, too.
Result<os::UniqueFd> Connect(const Place& place);
// Hands over; the sockets stay the caller's too, below 0: there are none. kUnavailable when it takes nothing any more.
Status Give(int connection, const HandOver& message, int udp, int tcp);

}  // namespace estiba::netd
