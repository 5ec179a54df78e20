#pragma once
// The sockets that the engine listens at.

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/config.h"
#include "os/fd.h"

namespace estiba::estibad {

struct Listeners {
  std::vector<os::UniqueFd> plain;  // for the HTTP server
  std::vector<os::UniqueFd> tls;    // for estiba-tls
  bool own_socket = false;          // `config.socket` is one that we have made
  bool own_ports = false;         // there are TCP ports that we have opened
  std::vector<std::string> own_paths{};  // of UNIX sockets we have made, to be removed at the end
};

// The engine's socket, or what was passed in its place, and `config.hosts`. The lock on the data root is held: a socket
// that is at the engine's path is a dead engine's.
Result<Listeners> OpenListeners(const engine::Config& config, std::vector<os::UniqueFd> passed);

}  // namespace estiba::estibad
