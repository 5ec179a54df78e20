#pragma once
// What HostConfig.NetworkMode says: "host", "none", "container:NAME", "ns:PATH" (podman's: a network namespace of the
// host's), or a network by its name or id.

#include <string>

#include "apitypes/container.h"
#include "base/result.h"

namespace estiba::engine {

// True when the mode names a network: only then there are addresses, ports and names to give.
bool NamesNetwork(const std::string& mode);
// "container:NAME" or "ns:PATH": the network is somebody else's, who alone gives it addresses.
bool IsJoined(const std::string& mode);
// "ns:/run/netns/x" → "/run/netns/x", or nothing.
std::string JoinedNetworkPath(const std::string& mode);

// Refuses what cannot go with a network that is another's, with docker's words. kInvalidArgument.
Status ValidateNetworkMode(const apitypes::ContainerCreate& create);

}  // namespace estiba::engine
