#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arguments.h"
#include "base/result.h"
#include "engine/engine.h"
#include "own_log.h"

namespace estiba::estibad {

// Runs until SIGTERM or SIGINT, or until nobody needs it (a spawned or socket-activated engine).
Status Serve(const Arguments& arguments, engine::Config config, std::vector<os::UniqueFd> passed);

}  // namespace estiba::estibad
