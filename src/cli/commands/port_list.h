#pragma once

#include <string>

#include "codec/json.h"

namespace estiba::cli {

// The PORTS column: "80/tcp, 0.0.0.0:8080->80/tcp", with neighbours joined into ranges. `ports` may be null.
std::string PortList(const codec::Json* ports);
// "0.0.0.0:8080", "[::]:8080".
std::string JoinHostPort(const std::string& ip, const std::string& port);

}  // namespace estiba::cli
