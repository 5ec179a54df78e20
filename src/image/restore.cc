#include "restore.h"

#include <algorithm>
#include <atomic>

#include "apply.h"
#include "oci/image.h"
#include "pull.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxDocument = 4U << 20;

bool AllThere(const Stores& stores, const oci::Manifest& manifest) {
  const auto has = [&](const oci::Descriptor& blob) { return stores.content.Has(blob.digest); };
  return has(manifest.config) && std::ranges::all_of(manifest.layers, has);
}

// Without a registry.
Status FromBlobs(const TransferJob& job, const Stores& stores, const oci::Manifest& manifest, Reporter& reporter) {
  const std::string text = TRY(stores.content.Read(manifest.config.digest, kMaxDocument));
  const oci::ImageConfig config = TRY(oci::ParseImageConfig(text));
  const FetchBlob fetch = [](const oci::Descriptor& blob, const codec::ByteSink&) -> Status {
    return Error(Code::kNotFound, "blob '" + blob.digest + "' is gone");
  };
  ApplyOptions options;
  options.lease = job.lease;
  options.user_xattrs = job.user_xattrs;
  options.erofs = job.erofs;
  std::atomic<bool> stop{false};
  TRY(ApplyLayers(stores, manifest.layers, config.diff_ids, fetch, options, reporter, stop));
  return Ok();
}

}  // namespace

Status Restore(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  if (job.images.size() != 1) return Error(Code::kInvalidArgument, "one image is restored at a time");
  const auto text = stores.content.Read(job.images.front().manifest_digest, kMaxDocument);
  if (text.ok()) {
    const oci::Manifest manifest = TRY(oci::ParseManifest(*text));
    if (AllThere(stores, manifest)) return FromBlobs(job, stores, manifest, reporter);
  }
  if (job.reference.empty())
    return Error(Code::kNotFound, "what the image is made of is lost, and no registry is known to have it")
        .Hint("load it again from an archive, or remove it");
  return Pull(job, stores, reporter);
}

}  // namespace estiba::image
