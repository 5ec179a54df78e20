#pragma once

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// A root file system's tar, from the descriptor or a URL, as an image of one layer.
Status Import(const TransferJob& job, const Stores& stores, int archive, Reporter& reporter);

}  // namespace estiba::image
