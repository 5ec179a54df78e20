#pragma once
// What is at a path of a container, or of a user's directory, and archives of it and into it: `cp`. A container's root
// may be a running one's, hostile and changing: every path is resolved in it by descriptor, and what the kernel shows
// of itself there (procfs and the like) is no content.

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// The answer is docker's path stat, as JSON.
Status StatPath(const TransferJob& job, int root, Reporter& reporter);
// That answer, then the archive to the descriptor.
Status TakePath(const TransferJob& job, int root, int archive, Reporter& reporter);
// All of the archive, plain or compressed. After a failure what had come is there.
Status PutPath(const TransferJob& job, int root, int archive);

// The same for `job.path.path`, a name in a user's directory or ".".
Status TakeFromHost(const TransferJob& job, int directory, int archive);
Status PutOnHost(const TransferJob& job, int directory, int archive);

}  // namespace estiba::image
