#pragma once

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

Status Pull(const TransferJob& job, const Stores& stores, Reporter& reporter);

}  // namespace estiba::image
