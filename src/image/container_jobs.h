#pragma once
// What is made of a container's files.

#include "image/work.h"
#include "progress_sink.h"

namespace estiba::image {

// The container's changes as a layer, on its image's layers: a new image.
Status Commit(const TransferJob& job, const Stores& stores, Reporter& reporter);
// All the container shows as a tar archive, to the descriptor.
Status Export(const TransferJob& job, const Stores& stores, int archive);
// The answer of docker's API, to the descriptor: [{"Path":"/etc","Kind":0},…].
Status Changes(const TransferJob& job, const Stores& stores, int archive);

}  // namespace estiba::image
