#pragma once
// What to take back from the host, derived from the steps that made something with a name: last first, idempotent,
// and possible for a fresh process that has only the plan.

#include <vector>

#include "plan/plan.h"

namespace estiba::plan {

// `died_midway` adds what a killed creator may have left and a finished one cannot have (links in the host's network
// namespace).
std::vector<Step> UndoOf(const Plan& plan, bool died_midway = false);

}  // namespace estiba::plan
