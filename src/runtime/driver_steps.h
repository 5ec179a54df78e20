#pragma once
// Steps of the network drivers beside bridge, and of bridges with VLANs or in a VRF. `netns` is the
// container's network namespace.

#include "base/result.h"
#include "plan/plan.h"

namespace estiba::runtime {

Status EnsureParent(const plan::Step& step);
Status EnsureBridgeLink(const plan::Step& step);
Status JoinVlan(const plan::Step& step);
Status AddUpper(const plan::Step& step, int netns);
// Undoes AddUpper.
Status DeleteUpper(const plan::Step& step);

}  // namespace estiba::runtime
