#include "compress.h"

#include <algorithm>

#include "apply.h"
#include "codec/stream.h"
#include "limit.h"
#include "parallel.h"
#include "stored_blob.h"

namespace estiba::image {
namespace {

constexpr std::size_t kParallel = 3;

bool IsUncompressed(const oci::Descriptor& layer) {
  return layer.media_type == oci::media::kOciLayer || layer.media_type == oci::media::kDockerLayer;
}

Status Compress(const TransferJob& job, const Stores& stores, oci::Descriptor& layer, Counter& counter) {
  store::Ingest blob = TRY(stores.content.CreateIngest(job.lease));
  codec::GzipWriter gzip([&blob](std::string_view bytes) { return blob.Write(bytes); });
  const auto pack = [&](std::string_view bytes) -> Status {
    counter.Add(bytes.size());
    return gzip.Write(bytes);
  };
  TRY(SendBlob(stores.content, layer.digest, pack));
  TRY(gzip.Finish());
  if (layer.size > UnpackedLimit(blob.size())) return Ok();
  layer.size = blob.size();
  layer.digest = TRY(blob.Commit());
  const bool docker = layer.media_type == oci::media::kDockerLayer;
  layer.media_type = docker ? oci::media::kDockerLayerGzip : oci::media::kOciLayerGzip;
  return Ok();
}

std::vector<LayerInfo> LayersOf(const oci::Manifest& manifest, const std::vector<std::string>& diff_ids) {
  const std::vector<std::string> chain_ids = ChainIds(diff_ids);
  std::vector<LayerInfo> out;
  for (std::size_t i = 0; i < diff_ids.size(); ++i) {
    const oci::Descriptor& blob = manifest.layers[i];
    out.push_back({blob.digest, diff_ids[i], chain_ids[i], blob.size});
  }
  return out;
}

}  // namespace

Result<std::optional<CompressedImage>> CompressLayers(const TransferJob& job, const Stores& stores,
                                                      const StoredDocument& document, Reporter& reporter,
                                                      std::atomic<bool>& stop) {
  oci::Manifest manifest = TRY(oci::ParseManifest(document.text));
  if (!oci::ArtifactTypeOf(manifest).empty() || std::ranges::none_of(manifest.layers, IsUncompressed))
    return std::optional<CompressedImage>();
  const std::string text = TRY(stores.content.Read(manifest.config.digest, kMaxDocument));
  const oci::ImageConfig config = TRY(oci::ParseImageConfig(text));
  if (config.diff_ids.size() != manifest.layers.size())
    return Error(Code::kInvalidArgument, "the image's config has another number of layers than its manifest");
  const auto compress = [&](std::size_t i) -> Status {
    oci::Descriptor& layer = manifest.layers[i];
    if (!IsUncompressed(layer)) return Ok();
    Counter counter(reporter, ShortId(config.diff_ids[i]), "Compressing", layer.size);
    return TRY_CTX(Compress(job, stores, layer, counter), "compress layer '" + layer.digest + "'");
  };
  TRY(InParallel(manifest.layers.size(), kParallel, stop, compress));
  CompressedImage out;
  out.document = document;
  out.document.text = oci::WriteManifest(manifest);
  out.document.digest = TRY(stores.content.Write(job.lease, out.document.text));
  out.image.id = manifest.config.digest;
  out.image.manifest_digest = out.document.digest;
  out.image.manifest_media_type = out.document.media_type;
  out.image.layers = LayersOf(manifest, config.diff_ids);
  return std::optional<CompressedImage>(std::move(out));
}

}  // namespace estiba::image
