#pragma once

#include "plan/plan.h"

namespace estiba::plan {

// True when a step has what its operation needs: what carries steps out does not look again.
bool OperandsFit(const Step& step);

}  // namespace estiba::plan
