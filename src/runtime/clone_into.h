#pragma once

#include <functional>
#include <vector>

#include <linux/sched.h>
#include <sys/types.h>

#include "base/result.h"
#include "child/step.h"
#include "os/fd.h"

namespace estiba::runtime {

struct JoinedNamespace {
  int fd;                // the namespace, or (exec) a pidfd
  std::uint64_t flag;    // CLONE_NEW…
};

// clone3(2) of a child that is born into these namespaces (none: as `args` says) and runs the program. What setns(2)
// changes of us can only be changed back with privileges that a user's programs do not have; so, but where only a PID
// namespace is joined and we have them, a helper that shares our memory and our descriptors goes there, clones with
// CLONE_PARENT and ends; the child is ours.
Result<pid_t> CloneInto(const std::vector<JoinedNamespace>& joined, clone_args args, const child::Program& program);

// A copy of the mount at `fd` (O_PATH), which is one of the mount namespace behind `mount_namespace`: open_tree(2)
// clones only what its caller's own namespace has.
Result<os::UniqueFd> CloneTreeOf(int mount_namespace, int fd, bool recursive);

// Runs `work` in a process that shares our memory and our descriptors, and is root of a user namespace with a copy of
// our mount namespace: a plain user's way to clone mounts, which stay when the process has ended. Ids are not mapped
// there, files are reached as ourselves.
Status RunUnshared(const std::function<Status()>& work);

}  // namespace estiba::runtime
