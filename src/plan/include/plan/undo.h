#pragma once
// What to take back from the host, derived from the steps that made something with a name: last first, idempotent,
// and possible for a fresh process that has only the plan.

#include <vector>

#include "plan/plan.h"

namespace estiba::plan {

std::vector<Step> UndoOf(const Plan& plan);

// What is left to take back of a container whose user's network namespace (kUserNetwork) is gone, with all in it.
Plan WithoutUserNetwork(const Plan& plan);

}  // namespace estiba::plan
