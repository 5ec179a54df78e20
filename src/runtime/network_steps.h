#pragma once

#include <vector>

#include "base/result.h"
#include "net/ports.h"
#include "plan/plan.h"

namespace estiba::runtime {

// The file that says who an endpoint is, and its end.
Status WriteNames(const plan::Step& step);
Status ForgetNames(const plan::Step& step);
// The operands of kPublishPorts and kUnpublishPorts.
Result<std::vector<net::PublishedPort>> ParsePorts(const plan::Step& step);

}  // namespace estiba::runtime
