#include "ask.h"

#include <atomic>
#include <optional>
#include <utility>

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "remote.h"

namespace estiba::image {
namespace {

using codec::Json;

constexpr std::size_t kMaxAnswer = 900'000;  // what fits into one event
constexpr std::size_t kMaxConfig = 4U << 20;

Error TooLarge() {
  return Error(Code::kResourceExhausted,
               "the registry's answer is larger than " + std::to_string(kMaxAnswer) + " bytes");
}

Result<std::string> Bounded(const Json& answer) {
  std::string text = answer.Dump();
  return text.size() <= kMaxAnswer ? Result<std::string>(std::move(text)) : TooLarge();
}

Result<Json> Tags(registry::Client& client, const std::string& path) {
  const std::vector<std::string> tags = TRY(client.ListTags(path));
  return Json(tags);
}

Result<Json> Referrers(registry::Client& client, const std::string& path, const oci::Reference& reference) {
  std::string digest = reference.digest;
  if (digest.empty()) digest = TRY(client.GetManifest(path, reference.tag)).digest;
  const oci::Index found = TRY(client.ListReferrers(path, digest));
  Json out = Json::MakeArray();
  for (const oci::Descriptor& manifest : found.manifests) {
    Json annotations = Json::MakeObject();
    for (const auto& [key, value] : manifest.annotations) annotations.Add(key, value);
    out.Append(Json::MakeObject({{"mediaType", manifest.media_type},
                                 {"digest", manifest.digest},
                                 {"size", manifest.size},
                                 {"artifactType", manifest.artifact_type},
                                 {"annotations", std::move(annotations)}}));
  }
  return out;
}

// As docker's API names what its registry's does.
Result<Json> Search(registry::Client& client, const TransferJob& job) {
  const std::vector<registry::FoundImage> found = TRY(client.Search(job.term, job.limit));
  Json out = Json::MakeArray();
  for (const registry::FoundImage& image : found)
    out.Append(Json::MakeObject({{"star_count", image.stars},
                                 {"is_official", image.official},
                                 {"name", image.name},
                                 {"is_automated", image.automated},
                                 {"description", image.description}}));
  return out;
}

Result<Json> AskSearch(const TransferJob& job) {
  oci::Reference registry;
  registry.domain = job.reference;
  PullSource place = SourcesOf(job, registry).back();
  // Docker Hub has its search elsewhere.
  if (place.host == "docker.io" && place.via.url.empty()) place.via.url = "https://index.docker.io";
  registry::Client client = TRY(registry::Client::Create(ClientFor(job, place, job.reference)));
  return Search(client, job);
}

Json WritePlatform(const oci::Platform& platform) {
  Json out = Json::MakeObject({{"architecture", platform.architecture}, {"os", platform.os}});
  if (!platform.os_version.empty()) out.Add("os.version", platform.os_version);
  if (!platform.os_features.empty()) out.Add("os.features", platform.os_features);
  if (!platform.variant.empty()) out.Add("variant", platform.variant);
  return out;
}

// What a manifest's config says that it is for; nothing when it is no image's.
Result<std::optional<oci::Platform>> PlatformOf(Found& found, const registry::FetchedManifest& document) {
  const oci::Manifest manifest = TRY(oci::ParseManifest(document.bytes));
  if (!oci::ArtifactTypeOf(manifest).empty()) return std::optional<oci::Platform>();
  if (manifest.config.size > kMaxConfig)
    return Error(Code::kResourceExhausted, "the image's config is larger than 4 MiB");
  std::string text;
  const auto keep = [&text](std::string_view bytes) -> Status {
    text += bytes;
    return Ok();
  };
  TRY_CTX(found.client.GetBlob(found.place.path, manifest.config, keep), "image config");
  if (codec::DigestOf(text) != manifest.config.digest)
    return Error(Code::kDataLoss, "image config: the registry sent bytes of another digest");
  oci::ImageConfig config = TRY(oci::ParseImageConfig(text));
  if (config.platform.os.empty() && config.platform.architecture.empty()) return std::optional<oci::Platform>();
  return std::optional(std::move(config.platform));
}

Result<Json> DescriptorOf(const registry::FetchedManifest& document) {
  const std::string type = TRY(oci::MediaTypeOf(document.bytes, document.media_type));
  return Json::MakeObject({{"mediaType", type}, {"digest", document.digest}, {"size", document.bytes.size()}});
}

// As dockerd's GET /distribution/NAME/json: all that an index says its manifests are for, whatever they are.
Result<Json> Distribution(Found& found) {
  Json platforms = Json();
  const oci::DocumentKind kind = TRY(oci::KindOfDocument(found.top.bytes, found.top.media_type));
  if (kind == oci::DocumentKind::kIndex) {
    const oci::Index index = TRY(oci::ParseIndex(found.top.bytes));
    for (const oci::Descriptor& one : index.manifests)
      platforms.Append(WritePlatform(one.platform.value_or(oci::Platform())));
  } else if (const auto platform = TRY(PlatformOf(found, found.top))) {
    platforms.Append(WritePlatform(*platform));
  }
  Json descriptor = TRY(DescriptorOf(found.top));
  return Json::MakeObject({{"Descriptor", std::move(descriptor)}, {"Platforms", std::move(platforms)}});
}

Result<Json> WriteDocument(const oci::Reference& reference, const registry::FetchedManifest& document,
                           const std::optional<oci::Platform>& platform) {
  Json descriptor = TRY(DescriptorOf(document));
  if (platform) descriptor.Add("platform", WritePlatform(*platform));
  return Json::MakeObject({{"Ref", reference.ToString()},
                           {"Descriptor", std::move(descriptor)},
                           {"Raw", codec::EncodeBase64(document.bytes)}});
}

// Of an index a list of what it names, each by its digest; of a manifest itself.
Result<Json> Manifests(Found& found, oci::Reference reference) {
  const oci::DocumentKind kind = TRY(oci::KindOfDocument(found.top.bytes, found.top.media_type));
  if (kind == oci::DocumentKind::kManifest) {
    const std::optional<oci::Platform> platform = TRY(PlatformOf(found, found.top));
    return WriteDocument(reference, found.top, platform);
  }
  Json out = Json::MakeArray();
  std::size_t size = 0;
  const oci::Index index = TRY(oci::ParseIndex(found.top.bytes));
  for (const oci::Descriptor& child : index.manifests) {
    TRY(oci::DigestHex(child.digest));
    const registry::FetchedManifest document = TRY(found.client.GetManifest(found.place.path, child.digest));
    size += document.bytes.size();
    if (size > kMaxAnswer) return TooLarge();
    reference.digest = child.digest;
    Json one = TRY(WriteDocument(reference, document, child.platform));
    out.Append(std::move(one));
  }
  return out;
}

Result<Json> AskDocument(const TransferJob& job, const oci::Reference& reference) {
  std::atomic<bool> stop{false};
  Found found = TRY(FindManifest(job, reference, stop));
  if (job.question == Question::kDistribution) return Distribution(found);
  if (job.question == Question::kManifests) return Manifests(found, reference);
  return WriteDocument(reference, found.top, std::nullopt);
}

// The registry itself keeps these lists, not its mirrors.
Result<Json> AskList(const TransferJob& job, const oci::Reference& reference) {
  const PullSource place = SourcesOf(job, reference).back();
  registry::Client client = TRY(registry::Client::Create(ClientFor(job, place, reference.domain)));
  return job.question == Question::kTags ? Tags(client, place.path) : Referrers(client, place.path, reference);
}

Result<Json> AnswerOf(const TransferJob& job) {
  if (job.question == Question::kSearch) return AskSearch(job);
  const oci::Reference reference = TRY(oci::ParseReferenceOrLatest(job.reference));
  const bool list = job.question == Question::kTags || job.question == Question::kReferrers;
  return list ? AskList(job, reference) : AskDocument(job, reference);
}

}  // namespace

Result<std::string> Ask(const TransferJob& job) {
  const Json answer = TRY(AnswerOf(job));
  return Bounded(answer);
}

}  // namespace estiba::image
