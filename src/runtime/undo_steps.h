#pragma once

#include <string>

#include "base/result.h"
#include "cgroup/hierarchy.h"
#include "plan/plan.h"
#include "runtime/container.h"

namespace estiba::runtime {

// One step of plan::UndoOf; succeeds when there is nothing left to take back.
Status RunUndoStep(const plan::Step& step, const cgroup::Hierarchies& hierarchies, Then then = Then::kGoOn);

Status DeleteResctrl(const std::string& group);

}  // namespace estiba::runtime
