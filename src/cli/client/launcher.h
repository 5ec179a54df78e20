#pragma once

#include "base/result.h"
#include "client/endpoint.h"

namespace estiba::cli {

// Starts `estibad --spawned` for this endpoint and waits until it serves, or another one does that was
// started at the same time. The engine outlives us.
Status StartEngine(const Endpoint& endpoint);

}  // namespace estiba::cli
