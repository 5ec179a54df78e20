#pragma once
// The processes that live in network namespaces.

#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::lab {

// Ends every process whose network namespace is one of these: SIGTERM, and SIGKILL two seconds later.
// kFailedPrecondition when we are one of them.
Status EndProcessesIn(const std::vector<int>& namespaces);

}  // namespace estiba::lab
