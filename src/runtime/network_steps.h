#pragma once

#include "base/result.h"
#include "plan/plan.h"
#include "session.h"

namespace estiba::runtime {

Status RunNetworkStep(Session& session, const plan::Step& step);
Status UndoNetworkStep(const plan::Step& step, Then then);

}  // namespace estiba::runtime
