#pragma once
// The end of a container.

#include "base/result.h"
#include "report.h"
#include "state_dir.h"

namespace estiba::ocicli {

// Kills what runs, waits for it to be dead, bounded.
Status EndContainer(const StateDir& dir);
// Undoes everything on the host, runs the poststop hooks (whose failures are warnings), removes the state.
Status RemoveContainer(const StateDir& dir, const Reporter& reporter);
// The same for who has the plan in hand, and has looked for the host's cgroups.
Status RemoveContainer(const StateDir& dir, const plan::Plan& plan, const cgroup::Hierarchies& cgroups,
                       const Reporter& reporter);
// The same once its process has ended, by who stayed with it; fine when somebody else was quicker.
Status RemoveEnded(const StateDir& dir, const plan::Plan& plan, const cgroup::Hierarchies& cgroups,
                   const Reporter& reporter);

}  // namespace estiba::ocicli
