#pragma once

#include "base/result.h"
#include "plan/plan.h"

namespace estiba::runtime {

// The file that says who an endpoint is, and its end.
Status WriteNames(const plan::Step& step);
Status ForgetNames(const plan::Step& step);

}  // namespace estiba::runtime
