#pragma once
// Network namespaces and the few things that must be done from inside one.

#include <cstdint>
#include <functional>

#include "os/fd.h"

namespace estiba::os {

// Runs `work` in the network namespace and comes back. The process must have one thread; not coming back would leave
// it in a container's network, so that is fatal. Sockets opened by `work` stay in the namespace.
Status InNetworkNamespace(int netns, const std::function<Status()>& work);

// A socket bound to address (host order) and port, without SO_REUSEADDR, nobody listening; `type` SOCK_STREAM or
// SOCK_DGRAM. The error keeps bind(2)'s errno.
Result<UniqueFd> BindInet(int type, std::uint32_t address, std::uint16_t port);

}  // namespace estiba::os
