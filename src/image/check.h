#pragma once

#include "base/result.h"
#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// Reads every blob of the job's images and unpacks every layer again, beside the one that is there, to compare them.
// What is wrong is told as findings; the answer is an error only when the check itself could not go on.
Status Check(const TransferJob& job, const Stores& stores, Reporter& reporter);

}  // namespace estiba::image
