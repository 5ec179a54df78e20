#pragma once
// Removing all that is ours from the host and nothing else (`estiba system reset`).

#include <functional>
#include <string>

#include "base/result.h"
#include "engine/engine.h"

namespace estiba::engine {

// What an engine itself removes: every container, ended by force, and every network, with what they have on the host.
// Blocks; the loop must run. `say` is told of each. What cannot be removed is told, too, and is the answer's error.
Status RemoveEverything(Engine& engine, const std::function<void(const std::string&)>& say);

// When the engine has stopped: the files below the data root and the run root that are ours, by name, and the folders
// themselves where nothing else is in them; the cgroups' parent. The lock of the data root goes last: whoever calls
// holds it until then.
Status DeleteEverything(const Config& config, const std::function<void(const std::string&)>& say);

}  // namespace estiba::engine
