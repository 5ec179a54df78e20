#pragma once

#include <functional>
#include <vector>

#include "base/result.h"

namespace estiba::runtime {

// Runs `work`, which clones from these detached mounts or makes layers of an overlay of them. Before kernel 6.15 that
// takes mounts that are attached: where it is refused (EINVAL), `work` runs once more while they are, in a mount
// namespace for that alone.
Status WithAttached(const std::vector<int>& mounts, const std::function<Status()>& work);

}  // namespace estiba::runtime
