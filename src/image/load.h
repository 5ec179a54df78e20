#pragma once

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// docker-save archives (old and new form) and OCI layouts, with any number of images.
Status Load(const TransferJob& job, const Stores& stores, int archive, Reporter& reporter);

}  // namespace estiba::image
