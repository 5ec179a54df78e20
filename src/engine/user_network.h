#pragma once
// Networks of an ordinary user's engine: in a network namespace of the user's own, which estiba-uplink holds.

#include <functional>
#include <string>

#include "base/result.h"
#include "engine/config.h"
#include "networks.h"
#include "plan/build.h"

namespace estiba::engine {

std::string UserNetworkFolder(const Config& config);

// The program that leads outside, as the configuration has it. kFailedPrecondition, with the packages, where there is
// none.
Result<std::string> FindWayOut(const Config& config);

// `outward`: the container reaches other hosts.
Result<plan::Network::OfUser> PlanUserNetwork(const Config& config, const std::string& uplink_program, bool outward);

// kInvalidArgument for networks that need links or routes of the host's.
Status CheckUserNetwork(const NetworkRecord& network);

// `work` with the bridges of this engine's networks in reach: where we are for root, in his namespace for a user.
// Nothing is done where there is none, and so no bridge.
Status WithBridges(const Config& config, const std::function<Status()>& work);

// Why it does not run now, where a container needs it: "pasta (it does not run: …)". Else empty.
std::string WayOutTrouble(const Config& config);

}  // namespace estiba::engine
