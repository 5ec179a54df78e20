#pragma once
// --network, --ip, --mac-address, --network-alias.

#include "apitypes/container.h"
#include "base/result.h"
#include "options/flags.h"

namespace estiba::cli {

// The first --network is the container's network mode; "name=N,alias=A,ip=1.2.3.4" is the long form.
Status ParseNetworks(const Options& options, apitypes::ContainerCreate* create);

}  // namespace estiba::cli
