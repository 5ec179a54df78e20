#pragma once

#include <vector>

#include "base/result.h"
#include "image/transfer.h"

namespace estiba::transfer {

// Before anything that a registry or an archive sent is looked at: no new privileges, few capabilities, files
// only below the two stores and, to read, below `listed`, no program, no namespace, no mount, and no network unless the
// job needs it. A job on paths has `root` alone, to write if it is a put.
Status EnterSandbox(const image::TransferJob& job, std::vector<int> listed, int root);

}  // namespace estiba::transfer
