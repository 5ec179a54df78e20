#pragma once

#include "image/work.h"
#include "make_layer.h"
#include "progress_sink.h"

namespace estiba::image {

// Takes the layer's tree to its place, completes the job's image with it and tells of the image.
Status FinishImage(const TransferJob& job, const Stores& stores, MadeLayer layer, Reporter& reporter);

}  // namespace estiba::image
