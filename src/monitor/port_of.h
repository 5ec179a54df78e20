#pragma once

#include <string>

#include "base/result.h"

namespace estiba::monitor {

// "0.0.0.0:8080 tcp", as a plan's ports begin and end, of a socket that holds one.
Result<std::string> PortOf(int socket);

}  // namespace estiba::monitor
