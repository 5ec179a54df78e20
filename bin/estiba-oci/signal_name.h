#pragma once

#include <string>

#include "base/result.h"

namespace estiba::ocicli {

// "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3".
Result<int> ParseSignal(const std::string& text);

}  // namespace estiba::ocicli
