#include "restore.h"

#include <algorithm>
#include <atomic>

#include "apply.h"
#include "oci/image.h"
#include "pull.h"
#include "stored_image.h"

namespace estiba::image {
namespace {

bool AllThere(const Stores& stores, const oci::Manifest& manifest) {
  const auto has = [&](const oci::Descriptor& blob) { return stores.content.Has(blob.digest); };
  return has(manifest.config) && std::ranges::all_of(manifest.layers, has);
}

// Without a registry.
Result<Applied> FromBlobs(const TransferJob& job, const Stores& stores, const oci::Manifest& manifest,
                          Reporter& reporter) {
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
  return ApplyLayers(stores, manifest.layers, config.diff_ids, fetch, options, reporter, stop);
}

// Of a single image: an index whose images are not all there comes from the registry.
Result<bool> MadeFromBlobs(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  const auto text = stores.content.Read(job.images.front().manifest_digest, kMaxDocument);
  if (job.all_platforms || !text.ok()) return false;
  const oci::Manifest manifest = TRY(oci::ParseManifest(*text));
  if (!AllThere(stores, manifest)) return false;
  TRY(FromBlobs(job, stores, manifest, reporter));
  return true;
}

}  // namespace

Status Restore(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  if (job.images.size() != 1) return Error(Code::kInvalidArgument, "one image is restored at a time");
  const bool made = TRY(MadeFromBlobs(job, stores, reporter));
  if (made) return Ok();
  if (job.reference.empty())
    return Error(Code::kNotFound, "what the image is made of is lost, and no registry is known to have it")
        .Hint("load it again from an archive, or remove it");
  return Pull(job, stores, reporter);
}

Status Unpack(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  if (job.images.size() != 1) return Error(Code::kInvalidArgument, "one image is unpacked at a time");
  LoadedImage image;
  image.manifest_digest = TRY(FindManifestFor(stores.content, job.images.front(), job.platform));
  const StoredDocument document = TRY(ReadDocument(stores.content, image.manifest_digest));
  const oci::Manifest manifest = TRY(oci::ParseManifest(document.text));
  const bool whole = oci::ArtifactTypeOf(manifest).empty() && AllThere(stores, manifest);
  if (!whole) return Error(Code::kNotFound, "the image for " + job.platform.ToString() + " is not here whole");
  image.id = manifest.config.digest;
  image.manifest_media_type = document.media_type;
  Applied applied = TRY(FromBlobs(job, stores, manifest, reporter));
  image.layers = std::move(applied.layers);
  image.size = applied.size;
  reporter.Image(image);
  return Ok();
}

}  // namespace estiba::image
