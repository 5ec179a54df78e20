#include "ask.h"

#include "codec/json.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "remote.h"

namespace estiba::image {
namespace {

using codec::Json;

constexpr std::size_t kMaxAnswer = 900'000;  // what fits into one event

Result<std::string> Bounded(const Json& answer) {
  std::string text = answer.Dump();
  if (text.size() <= kMaxAnswer) return text;
  return Error(Code::kResourceExhausted, "the registry's answer is larger than " + std::to_string(kMaxAnswer) +
                                             " bytes");
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

}  // namespace

Result<std::string> Ask(const TransferJob& job) {
  if (job.question == Question::kSearch) {
    const Json found = TRY(AskSearch(job));
    return Bounded(found);
  }
  const oci::Reference reference = TRY(oci::ParseReferenceOrLatest(job.reference));
  const PullSource place = SourcesOf(job, reference).back();
  registry::Client client = TRY(registry::Client::Create(ClientFor(job, place, reference.domain)));
  const auto answer = job.question == Question::kTags ? Tags(client, place.path)
                                                      : Referrers(client, place.path, reference);
  if (!answer.ok()) return answer.error().Clone();
  return Bounded(*answer);
}

}  // namespace estiba::image
