#pragma once

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

Status Push(const TransferJob& job, const Stores& stores, Reporter& reporter);

}  // namespace estiba::image
