#pragma once

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// Whether the registry takes the job's credentials; the identity token to keep in their place, or "".
Result<std::string> Login(const TransferJob& job);
Status Pull(const TransferJob& job, const Stores& stores, Reporter& reporter);

}  // namespace estiba::image
