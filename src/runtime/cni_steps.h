#pragma once
// Steps that CNI plugins carry out: estiba-cni runs them, and is told by its arguments and its standard input.

#include <sys/types.h>

#include "base/result.h"
#include "plan/plan.h"

namespace estiba::runtime {

// `pid`: a process in the container's network namespace. On failure all of it has been taken back, or is recorded.
Status AttachByCni(const plan::Step& step, pid_t pid);
Status DetachByCni(const plan::Step& step);

}  // namespace estiba::runtime
