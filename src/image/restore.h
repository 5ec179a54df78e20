#pragma once

#include "base/result.h"
#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// Makes the missing blobs and layers of an image that is recorded: layers from their blobs, blobs from the registry of
// the job's reference. kNotFound when neither has what is missing.
Status Restore(const TransferJob& job, const Stores& stores, Reporter& reporter);

}  // namespace estiba::image
