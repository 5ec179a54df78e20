#pragma once

#include <string>

#include "base/result.h"
#include "image/transfer.h"

namespace estiba::image {

// What the registry answers to the job's question, as JSON.
Result<std::string> Ask(const TransferJob& job);

}  // namespace estiba::image
