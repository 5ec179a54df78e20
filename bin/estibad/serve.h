#pragma once

#include <functional>
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
// `before_spawn` waits until children may be started.
Status Serve(const Arguments& arguments, engine::Config config, std::vector<os::UniqueFd> passed,
             std::function<void()> before_spawn);

}  // namespace estiba::estibad
