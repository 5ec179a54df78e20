#pragma once
// Connections to an engine, wherever it is. Elsewhere, a program of its own makes each: estiba-tls or ssh, which passes
// on what our end of a socket pair says.

#include <string>

#include "base/result.h"
#include "client/endpoint.h"
#include "os/fd.h"
#include "os/process.h"

namespace estiba::cli {

class Connector {
 public:
  explicit Connector(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

  // A stream socket, blocking. Of an engine elsewhere, errors say all there is to say.
  Result<os::UniqueFd> Connect();

  // Why the last connection to an engine elsewhere broke, as who made it tells; "" when that is not known.
  std::string LastWords();

 private:
  Result<os::UniqueFd> ConnectByTcp();
  Result<os::UniqueFd> ConnectBySsh();

  Endpoint endpoint_;
  os::UniqueFd teller_;  // estiba-tls's other socket
  os::UniqueFd ssh_;     // its pidfd
};

}  // namespace estiba::cli
