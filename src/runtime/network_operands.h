#pragma once
// What the operands of network steps say, in every form that an engine of ours has ever written (plan/plan.h): a
// monitor undoes and makes again what an earlier release has recorded. Pure; kDataLoss for what cannot be read.

#include <vector>

#include "base/result.h"
#include "net/ports.h"
#include "net/setup.h"
#include "plan/plan.h"

namespace estiba::runtime {

Result<net::BridgeSpec> ParseBridge(const plan::Step& step);
Result<net::VethSpec> ParseVeth(const plan::Step& step);
Result<net::InsideSpec> ParseInside(const plan::Step& step);
// Of kPublishPorts and kUnpublishPorts.
Result<std::vector<net::PublishedPort>> ParsePorts(const plan::Step& step);

}  // namespace estiba::runtime
