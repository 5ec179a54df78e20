#include "new_image.h"

#include "apply.h"
#include "base/rollback.h"
#include "oci/image.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxDocument = 4U << 20;

// Of the kind that the image below has: the layers' types belong to it.
Result<oci::Manifest> BaseManifest(const NewImage& image, const Stores& stores) {
  oci::Manifest base;
  base.media_type = oci::media::kOciManifest;
  base.config.media_type = oci::media::kOciConfig;
  if (image.base_manifest.empty()) return base;
  const std::string text =
      TRY_CTX(stores.content.Read(image.base_manifest, kMaxDocument), "read the base image's manifest");
  base = TRY_CTX(oci::ParseManifest(text), "read the base image's manifest");
  if (base.media_type.empty()) base.media_type = oci::media::kOciManifest;
  base.annotations.clear();  // said of that image
  return base;
}

oci::Descriptor LayerDescriptor(const MadeLayer& layer, const oci::Manifest& manifest) {
  oci::Descriptor out;
  const bool docker = manifest.media_type == oci::media::kDockerManifest;
  out.media_type = docker ? oci::media::kDockerLayerGzip : oci::media::kOciLayerGzip;
  out.digest = layer.digest;
  out.size = layer.size;
  return out;
}

}  // namespace

Status FinishImage(const TransferJob& job, const Stores& stores, MadeLayer layer, Reporter& reporter) {
  Rollback rollback;
  rollback.Add([&] { (void)stores.snapshots.DeleteUnfinished(layer.tree).ok(); });  // else cleared by its lease
  oci::ImageConfig config = TRY_CTX(oci::ParseImageConfig(job.image.config), "the new image");
  oci::Manifest manifest = TRY(BaseManifest(job.image, stores));
  if (manifest.layers.size() != config.diff_ids.size() || job.image.layers.size() != config.diff_ids.size())
    return Error(Code::kDataLoss, "the base image has " + std::to_string(manifest.layers.size()) +
                                      " layers, its config names " + std::to_string(config.diff_ids.size()));
  config.diff_ids.push_back(layer.diff_id);
  const std::string config_text = oci::WriteImageConfig(config);
  TRY_CTX(oci::ParseImageConfig(config_text), "the new image");  // not more layers than an image may have
  manifest.layers.push_back(LayerDescriptor(layer, manifest));
  const std::string chain_id = ChainIds(config.diff_ids).back();

  TRY(stores.snapshots.Sync());
  TRY(stores.snapshots.CommitLayer(layer.tree, chain_id));
  rollback.Commit();
  manifest.config.digest = TRY(stores.content.Write(job.lease, config_text));
  manifest.config.size = config_text.size();
  manifest.config.annotations.clear();
  LoadedImage image;
  image.id = manifest.config.digest;
  image.manifest_digest = TRY(stores.content.Write(job.lease, oci::WriteManifest(manifest)));
  image.manifest_media_type = manifest.media_type;
  image.names = job.image.names;
  image.layers = job.image.layers;
  image.layers.push_back({layer.digest, layer.diff_id, chain_id, layer.size, layer.unpacked_size});
  for (const LayerInfo& each : image.layers) image.size += each.unpacked_size;
  reporter.Image(image);
  reporter.Say("", image.id);
  return Ok();
}

}  // namespace estiba::image
