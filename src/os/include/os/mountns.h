#pragma once
// Mount namespaces.

#include <functional>
#include <string>

#include "os/fd.h"

namespace estiba::os {

// Runs `work` in a new mount namespace, a copy that hears of the host's mounts and tells of none, and comes back, to
// the working directory too. What `work` mounts is gone with the last process it leaves there. The process must have
// one thread; not coming back is fatal.
Status InPrivateMounts(const std::function<Status()>& work);

// Mounts the tree at `source`, with what is mounted below it, on the directory `target` (mount(2), MS_BIND | MS_REC).
Status BindTree(const std::string& source, const std::string& target);

}  // namespace estiba::os
