// Images of several platforms: which of those that came with one index is run.

#include "engine_impl.h"

namespace estiba::engine {

Result<ImagePtr> EngineImpl::ForPlatform(ImagePtr image, const std::string& platform) {
  if (platform.empty()) return image;
  const oci::Platform wanted = TRY(oci::ParsePlatform(platform));
  const oci::ImageConfig config = TRY(images_->Config(*image));
  if (image->indexes.empty() || oci::CheckPlatform("", config.platform, wanted).ok()) return image;
  if (ImagePtr known = images_->FindSibling(*image, wanted, /*any_variant=*/false)) return known;
  image::TransferJob job = LoadJob();
  job.kind = image::JobKind::kUnpack;
  job.platform = wanted;
  job.images.push_back({image->manifest_digest, {}, image->indexes});
  const Status unpacked = transfers_->RunAndWait("unpack:" + image->id + " " + wanted.ToString(), std::move(job), {});
  if (!unpacked.ok() && unpacked.error().code() != Code::kNotFound) return unpacked.error().Clone();
  ImagePtr made = images_->FindSibling(*image, wanted, /*any_variant=*/true);
  return made != nullptr ? made : image;
}

}  // namespace estiba::engine
