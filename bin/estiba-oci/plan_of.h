#pragma once
// The plan of a bundle that is only looked at: explain, audit.

#include "commands.h"
#include "plan/build.h"
#include "plan/plan.h"

namespace estiba::ocicli {

// For the container that is named, or one called as its bundle is. Nothing is opened or made.
Result<plan::Plan> PlanOf(const Context& context, plan::HostFacts facts);

}  // namespace estiba::ocicli
