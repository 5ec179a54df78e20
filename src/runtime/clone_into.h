#pragma once

#include <linux/sched.h>
#include <sys/types.h>

#include "base/result.h"
#include "child/step.h"

namespace estiba::runtime {

// clone3(2) of a child that is born into the pid namespace behind `pid_namespace` (-1: as `args` says) and runs the
// program. The namespace of one's future children is changed by setns(2) and can only be changed back with privilege
// over one's own pid namespace, which a user's programs do not have. So a helper that shares our memory and our
// descriptors goes there, clones with CLONE_PARENT and ends; the child is ours.
Result<pid_t> CloneInto(int pid_namespace, clone_args args, const child::Program& program);

}  // namespace estiba::runtime
