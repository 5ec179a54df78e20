#pragma once

#include <string>
#include <vector>

#include "apitypes/container_inspect.h"
#include "store/snapshots.h"

namespace estiba::engine {

// Layers, lowest first, as docker's API shows them: "overlay2" and the LowerDir; "erofs" when one of them is an EROFS
// image, whose file then stands in LowerDir. Layers that are gone are left out.
apitypes::GraphDriver DescribeLayers(const store::Snapshots& snapshots, const std::vector<std::string>& chain_ids);

}  // namespace estiba::engine
