#pragma once

#include "oci/runtime_spec.h"

namespace estiba::oci {

// `now` with what `change` sets: what `update` makes of a container's resources. Entries of lists are matched by
// device, page size, interface or file; device rules replace the list.
Resources MergeResources(Resources now, const Resources& change);

}  // namespace estiba::oci
