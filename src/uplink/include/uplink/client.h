#pragma once
// The half of monitors and engines: finding estiba-uplink, or starting it, and what it gives.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::uplink {

struct Place {
  std::string folder;   // "RUN/uplink"
  std::string program;  // estiba-uplink
  // Root's: only passes on what comes to ports, and the network is the one where it is started.
  bool of_host = false;
};

// The user's network namespace, held: it is there for as long as this is, whatever becomes of estiba-uplink.
struct Network {
  os::UniqueFd netns;
  os::UniqueFd lease;
};

// A connection for as long as the network is needed; estiba-uplink ends with the last one. It is started when there is
// none. `known`: of one that is gone, to go on with. Waits for the network, and where `way_out` names a program, until
// that is up or known not to come up now.
struct Reached {
  os::UniqueFd connection;  // non-blocking
  Network network;          // as `known`, where that is given
};
Result<Reached> Reach(const Place& place, const Network* known, const std::string& way_out,
                      std::chrono::milliseconds patience);

// Published ports, served for as long as the connection is there, in place of those that were given before. `line` as
// in net/ports.h; `socket`, borrowed, holds the host's port.
struct Port {
  std::string line;
  int socket = -1;
};
Status GivePorts(int connection, const std::vector<Port>& ports, std::chrono::milliseconds patience);

// Of a connection that has become readable: estiba-uplink has ended.
bool HasEnded(int connection);

// The network where there is one now; nothing is started or kept waiting long.
Result<std::optional<Network>> Find(const std::string& folder);
// "pasta (it does not run: …)"; empty while it does, or nobody needs it.
Result<std::string> WayOutTrouble(const std::string& folder);

}  // namespace estiba::uplink
