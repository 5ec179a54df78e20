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

Result<ImagePtr> EngineImpl::OfPlatform(const std::string& name, const std::string& platform) {
  const ImagePtr named = TRY(images_->Get(name));
  if (platform.empty()) return named;
  const oci::Platform wanted = TRY(oci::ParsePlatform(platform));
  const ImagePtr image = TRY(ForPlatform(named, platform));
  const oci::ImageConfig config = TRY(images_->Config(*image));
  TRY(oci::CheckPlatform(name, config.platform, wanted));
  return image;
}

Result<apitypes::ImageInspect> EngineImpl::InspectImage(const std::string& name, const ImageQuestion& question) {
  const ImagePtr image = TRY(OfPlatform(name, question.platform));
  apitypes::ImageInspect inspect = TRY(images_->Inspect(question.platform.empty() ? name : image->id));
  if (host_.copies) inspect.graph_driver = {.data = {}, .name = "vfs"};
  if (question.manifests) inspect.manifests = images_->Manifests(*image);
  if (question.platform.empty()) return inspect;
  // What it is called is told of the name that was asked for.
  apitypes::ImageInspect named = TRY(images_->Inspect(name));
  inspect.repo_tags = std::move(named.repo_tags);
  inspect.repo_digests = std::move(named.repo_digests);
  return inspect;
}

Result<std::vector<apitypes::ImageHistoryItem>> EngineImpl::ImageHistory(const std::string& name,
                                                                         const std::string& platform) {
  const ImagePtr image = TRY(OfPlatform(name, platform));
  return images_->History(platform.empty() ? name : image->id);
}

Status EngineImpl::CheckRemovedPlatforms(const std::string& name, const std::vector<std::string>& platforms) {
  if (platforms.empty()) return Ok();
  const ImagePtr image = TRY(images_->Get(name));
  const oci::ImageConfig config = TRY(images_->Config(*image));
  for (const std::string& platform : platforms) {
    const oci::Platform wanted = TRY(oci::ParsePlatform(platform));
    TRY(oci::CheckPlatform(name, config.platform, wanted));
  }
  if (image->indexes.empty()) return Ok();
  return Error(Code::kNotImplemented, "remove image '" + name + "' of platform " + platforms.front() +
                                          " alone: it came from an index, whose images are kept together")
      .Hint("remove it without a platform, and pull it for the platform that is to stay");
}

}  // namespace estiba::engine
