#pragma once
// The layers of one image into the stores: several at a time, each in one pass, committed lowest first.

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "codec/stream.h"
#include "image/work.h"
#include "oci/image.h"
#include "prepared.h"
#include "progress_sink.h"

namespace estiba::image {

// "sha256:…" of each stack of layers, lowest first (OCI image-spec, config, "Layer ChainID").
std::vector<std::string> ChainIds(const std::vector<std::string>& diff_ids);

struct ApplyOptions {
  std::string lease;
  bool user_xattrs = false;
  bool erofs = false;  // layers become EROFS images
  unsigned parallel = 3;
  bool keep_blobs = true;  // false: the blob of a layer that is unpacked already is not fetched
  // The words for a layer's bytes coming in: "Downloading" (pull) or "Loading layer" (load).
  std::string fetching = "Downloading";
  PreparedLayers* prepared = nullptr;  // trees that are there already, by diff id
  bool pull_words = true;  // "Pulling fs layer", "Waiting", "Download complete", …
};

// Sends a blob that is not in the content store.
using FetchBlob = std::function<Status(const oci::Descriptor&, const codec::ByteSink&)>;

struct Applied {
  std::vector<LayerInfo> layers;
  std::uint64_t size = 0;      // unpacked, all layers
  bool nothing_new = true;
};

// `stop` is set when a layer has failed: the fetches of the others shall end.
Result<Applied> ApplyLayers(const Stores& stores, const std::vector<oci::Descriptor>& blobs,
                            const std::vector<std::string>& diff_ids, const FetchBlob& fetch,
                            const ApplyOptions& options, Reporter& reporter, std::atomic<bool>& stop);

}  // namespace estiba::image
