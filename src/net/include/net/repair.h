#pragma once
// What others have taken of our rules is made again.

#include "net/setup.h"

namespace estiba::net {

// As EnsureBridge(), which looks for two of its elements in the table only: for each of them.
Status RepairBridge(const BridgeSpec& bridge);

}  // namespace estiba::net
