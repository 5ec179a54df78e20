#pragma once

#include "base/result.h"
#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// Makes the missing blobs and layers of an image that is recorded: layers from their blobs, blobs from the registry of
// the job's reference. kNotFound when neither has what is missing.
Status Restore(const TransferJob& job, const Stores& stores, Reporter& reporter);

// Unpacks the image for the job's platform from blobs that are all here, and tells it like one that was pulled, without
// a name. kNotFound when no index of the job's image has it here whole.
Status Unpack(const TransferJob& job, const Stores& stores, Reporter& reporter);

}  // namespace estiba::image
