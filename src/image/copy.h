#pragma once

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// From registry to registry: manifests byte for byte, blobs as they come, nothing in the stores.
Status Copy(const TransferJob& job, Reporter& reporter);

}  // namespace estiba::image
