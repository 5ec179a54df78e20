#pragma once

#include "base/result.h"
#include "image/transfer.h"

namespace estiba::transfer {

// Before anything that a registry or an archive sent is looked at: no new privileges, few capabilities, files
// only below the two stores, no program, no namespace, no mount, and no network unless the job needs it.
Status EnterSandbox(const image::TransferJob& job);

}  // namespace estiba::transfer
