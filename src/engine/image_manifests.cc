// What stands in the index that an image came from, and how much of it is here.

#include <algorithm>

#include "images.h"

namespace estiba::engine {
namespace {

constexpr const char* kReferenceType = "vnd.docker.reference.type";
constexpr const char* kReferenceDigest = "vnd.docker.reference.digest";

std::string ValueOf(const std::map<std::string, std::string>& annotations, const char* key) {
  const auto found = annotations.find(key);
  return found == annotations.end() ? std::string() : found->second;
}

// BuildKit's attestations stand in the index beside the image they are for.
std::string KindOf(const oci::Descriptor& descriptor) {
  if (ValueOf(descriptor.annotations, kReferenceType) == "attestation-manifest") return "attestation";
  const bool manifest =
      descriptor.media_type == oci::media::kOciManifest || descriptor.media_type == oci::media::kDockerManifest;
  return manifest && descriptor.artifact_type.empty() ? "image" : "unknown";
}

}  // namespace

std::vector<oci::Descriptor> Images::ManifestsBeside(const ImageRecord& image) const {
  for (const std::string& digest : IndexesOf(image)) {
    const auto text = content_->Read(digest);
    if (!text.ok()) continue;
    auto index = oci::ParseIndex(*text);
    if (index.ok() && !index->manifests.empty()) return std::move(index->manifests);
  }
  std::vector<oci::Descriptor> alone;
  if (const auto own = Describe(image)) {
    oci::Descriptor& descriptor = alone.emplace_back();
    descriptor.media_type = own->media_type;
    descriptor.digest = own->digest;
    descriptor.size = static_cast<std::uint64_t>(own->size);
    descriptor.artifact_type = own->artifact_type;
  }
  return alone;
}

Images::Presence Images::PresenceOf(const std::string& manifest_digest) const {
  Presence presence;
  const auto text = content_->Read(manifest_digest);
  const auto manifest = text.ok() ? oci::ParseManifest(*text) : text.error().Clone();
  if (!manifest.ok()) return presence;
  presence.whole = true;
  presence.bytes = text->size();
  std::vector<std::string> blobs = {manifest->config.digest};
  for (const oci::Descriptor& layer : manifest->layers) blobs.push_back(layer.digest);
  for (const std::string& blob : blobs) {
    const auto size = content_->Size(blob);
    presence.whole = presence.whole && size.ok();
    if (size.ok()) presence.bytes += *size;
  }
  return presence;
}

apitypes::ManifestSummary Images::SummaryOf(const oci::Descriptor& descriptor,
                                            const std::map<std::string, ImagePtr>& by_manifest) const {
  apitypes::ManifestSummary summary;
  summary.id = descriptor.digest;
  summary.descriptor.media_type = descriptor.media_type;
  summary.descriptor.digest = descriptor.digest;
  summary.descriptor.size = static_cast<std::int64_t>(descriptor.size);
  summary.descriptor.artifact_type = descriptor.artifact_type;
  summary.descriptor.annotations = descriptor.annotations;
  summary.kind = KindOf(descriptor);
  const Presence presence = PresenceOf(descriptor.digest);
  summary.available = presence.whole;
  summary.content_size = static_cast<std::int64_t>(presence.bytes);
  if (summary.kind == "attestation") summary.attested = ValueOf(descriptor.annotations, kReferenceDigest);
  oci::Platform platform = descriptor.platform.value_or(oci::Platform{});
  const auto known = by_manifest.find(descriptor.digest);
  if (known != by_manifest.end()) {
    summary.available = true;  // unpacked, whether or not its layers' blobs were kept
    summary.unpacked_size = static_cast<std::int64_t>(known->second->size);
    const auto users = callbacks_.users ? callbacks_.users(known->second->id) : std::vector<ImageUser>{};
    for (const ImageUser& user : users) summary.containers.push_back(user.container_id);
    if (const auto config = Config(*known->second); config.ok() && platform.os.empty()) platform = config->platform;
  }
  summary.os = platform.os;
  summary.architecture = platform.architecture;
  summary.variant = platform.variant;
  summary.os_version = platform.os_version;
  return summary;
}

std::vector<apitypes::ManifestSummary> Images::Manifests(const ImageRecord& image) const {
  std::map<std::string, ImagePtr> by_manifest;
  for (const ImagePtr& known : All()) by_manifest.emplace(known->manifest_digest, known);
  std::vector<apitypes::ManifestSummary> summaries;
  for (const oci::Descriptor& descriptor : ManifestsBeside(image))
    summaries.push_back(SummaryOf(descriptor, by_manifest));
  return summaries;
}

}  // namespace estiba::engine
