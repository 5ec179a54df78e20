#pragma once
// Network namespaces and the few things that must be done from inside one.

#include <cstdint>
#include <functional>
#include <string>

#include "os/fd.h"

namespace estiba::os {

// Runs `work` in the network namespace and comes back. The process must have one thread; not coming back would leave
// it in a container's network, so that is fatal. Sockets opened by `work` stay in the namespace.
Status InNetworkNamespace(int netns, const std::function<Status()>& work);

// Runs `work` in the network namespace while this thread waits, without going there itself: also where the way back
// would be forbidden, because the namespace we are in belongs to a user namespace above ours. `work` has our memory and
// descriptors; it starts nothing that we are to wait for. Whoever kills it kills us.
Status VisitNetworkNamespace(int netns, const std::function<Status()>& work);

// Takes this thread there for good: for one that ends when its work is done.
Status EnterNetworkNamespace(int netns);

// As InNetworkNamespace, in private mounts with a /sys of that network, as ip-netns(8) does: what `work` starts sees
// the namespace's interfaces there.
Status AsResident(int netns, const std::function<Status()>& work);

// A new network namespace, empty but for a `lo` that is down; gone with its last descriptor, mount and process. The
// process must have one thread.
Result<UniqueFd> CreateNetworkNamespace();

// Names a namespace by mounting it over the empty file `path`, which must be new (EEXIST), as ip-netns(8) does.
Status NameNamespace(int ns, const std::string& path);
// Takes the mount and the file away; succeeds when they are gone. A file that is no mount is only deleted.
Status DeleteNamespaceName(const std::string& path);

}  // namespace estiba::os
