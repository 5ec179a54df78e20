#pragma once
// Images whose layers are not compressed (docker's archives have such), as registries are given them.

#include <atomic>
#include <optional>

#include "image/work.h"
#include "progress_sink.h"
#include "stored_image.h"

namespace estiba::image {

struct CompressedImage {
  StoredDocument document;  // the new manifest, which is in the content store
  LoadedImage image;        // to record in the old one's place: the same id and layers, other blobs
};

// With those layers of the manifest in gzip's form that have none, into the content store; nothing when there is no
// such layer, or the manifest is no image's. A layer that compresses so well that none of ours would unpack it
// (limit.h) stays as it is. The same layers give the same digests. `stop` is set when one has failed.
Result<std::optional<CompressedImage>> CompressLayers(const TransferJob& job, const Stores& stores,
                                                      const StoredDocument& document, Reporter& reporter,
                                                      std::atomic<bool>& stop);

}  // namespace estiba::image
