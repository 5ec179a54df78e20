#pragma once
// The objects `events` prints, as runc names their members.

#include <string>

#include "cgroup/cgroup.h"
#include "cgroup/details.h"

namespace estiba::ocicli {

// {"type":"stats","id":…,"data":{…}} on one line.
std::string StatsEvent(const std::string& id, const cgroup::Stats& stats, const cgroup::Details& details);
// {"type":"oom","id":…}
std::string OomEvent(const std::string& id);

}  // namespace estiba::ocicli
