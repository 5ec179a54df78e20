#pragma once
// Times and states as people read them in `ps`. Pure.

#include <cstdint>
#include <string>

#include "containers/record.h"

namespace estiba::engine {

// "Less than a second", "5 seconds", "About a minute", "3 hours", "2 weeks"…
std::string HumanDuration(std::int64_t seconds);
// "Up 5 minutes (Paused)", "Up 5 minutes (healthy)", "Exited (0) 3 seconds ago", "Created".
std::string StatusText(const ContainerState& state, bool removing, std::int64_t now_ns);

}  // namespace estiba::engine
