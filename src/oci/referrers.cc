#include "oci/referrers.h"

#include <algorithm>
#include <utility>

#include "image_json.h"
#include "oci/reference.h"

namespace estiba::oci {
namespace {

using codec::Json;

std::map<std::string, std::string> Annotations(const Json& json) {
  std::map<std::string, std::string> out;
  const Json* given = json.Find("annotations");
  if (given == nullptr || !given->IsObject()) return out;
  for (const auto& [key, value] : *given->IfObject())
    if (const std::string* text = value.IfString()) out.emplace(key, *text);
  return out;
}

Json Write(const Descriptor& referrer) {
  Json out = Json::MakeObject(
      {{"mediaType", referrer.media_type}, {"digest", referrer.digest}, {"size", referrer.size}});
  if (!referrer.artifact_type.empty()) out.Add("artifactType", referrer.artifact_type);
  if (referrer.annotations.empty()) return out;
  Json annotations = Json::MakeObject();
  for (const auto& [key, value] : referrer.annotations) annotations.Add(key, value);
  out.Add("annotations", std::move(annotations));
  return out;
}

}  // namespace

std::optional<Referral> ReferralOf(std::string_view text, std::string_view media_type, std::string digest) {
  const auto json = ParseDocument(text, "manifest");
  const Json* subject = json.ok() ? json->Find("subject") : nullptr;
  if (subject == nullptr || !subject->IsObject() || !IsDigest(subject->GetString("digest"))) return std::nullopt;
  Referral out;
  out.subject.media_type = subject->GetString("mediaType");
  out.subject.digest = subject->GetString("digest");
  out.subject.size = static_cast<std::uint64_t>(std::max<std::int64_t>(subject->GetInt("size"), 0));
  out.referrer.media_type = media_type;
  out.referrer.digest = std::move(digest);
  out.referrer.size = text.size();
  out.referrer.artifact_type = json->GetString("artifactType");
  const Json* config = json->Find("config");
  if (out.referrer.artifact_type.empty() && config != nullptr)
    out.referrer.artifact_type = config->GetString("mediaType");
  out.referrer.annotations = Annotations(*json);
  return out;
}

std::string ReferrersTag(std::string_view digest) {
  std::string tag(digest);
  std::ranges::replace(tag, ':', '-');
  return tag;
}

Result<std::string> AddToReferrers(std::string_view text, const Descriptor& referrer) {
  Json index = Json::MakeObject(
      {{"schemaVersion", 2}, {"mediaType", media::kOciIndex}, {"manifests", Json::MakeArray()}});
  if (!text.empty()) {
    const DocumentKind kind = TRY(KindOfDocument(text, ""));
    if (kind != DocumentKind::kIndex)
      return Error(Code::kInvalidArgument, "the tag that should list what refers to an image is an image itself");
    index = TRY(ParseDocument(text, "list of referrers"));
  }
  Json* list = index.Find("manifests");
  if (list == nullptr || !list->IsArray())
    return Error(Code::kInvalidArgument, "the list of referrers has no 'manifests'");
  const bool known = std::ranges::any_of(*list->IfArray(), [&](const Json& one) {
    return one.IsObject() && one.GetString("digest") == referrer.digest;
  });
  if (known) return std::string();
  list->Append(Write(referrer));
  return index.Dump();
}

}  // namespace estiba::oci
