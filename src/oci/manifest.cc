#include <array>

#include "image_json.h"
#include "oci/reference.h"

namespace estiba::oci {
namespace {

using codec::Json;
using codec::Reader;

constexpr std::string_view kSchema1 = "application/vnd.docker.distribution.manifest.v1+";

Error Schema1() {
  return Error(Code::kNotImplemented, "the image has a docker schema 1 manifest, which is not supported")
      .Hint("push it again with a current docker, podman or skopeo: they write docker schema 2 or OCI manifests");
}

std::optional<DocumentKind> KindOfType(std::string_view type) {
  if (type == media::kOciIndex || type == media::kDockerIndex) return DocumentKind::kIndex;
  if (type == media::kOciManifest || type == media::kDockerManifest) return DocumentKind::kManifest;
  return std::nullopt;
}

Descriptor ReadDescriptor(Reader& in) {
  Descriptor out;
  in.Read("mediaType", &out.media_type);
  in.Require("digest", &out.digest);
  in.Read("size", &out.size);
  in.Read("urls", &out.urls);
  in.Read("annotations", &out.annotations);
  in.Read("artifactType", &out.artifact_type);
  in.Object("platform", [&out](Reader& platform) { ReadPlatform(platform, &out.platform.emplace()); });
  return out;
}

void CheckDigest(Reader& in, const Descriptor& descriptor) {
  if (in.ok() && !IsDigest(descriptor.digest))
    in.Fail("digest", "'" + descriptor.digest.substr(0, 128) + "' is not a sha256 digest");
}

Json StringsOf(const std::map<std::string, std::string>& values) {
  Json out = Json::MakeObject();
  for (const auto& [key, value] : values) out.Add(key, value);
  return out;
}

Json WriteDescriptor(const Descriptor& descriptor) {
  Json out = Json::MakeObject();
  out.Add("mediaType", descriptor.media_type);
  out.Add("digest", descriptor.digest);
  out.Add("size", descriptor.size);
  if (!descriptor.urls.empty()) out.Add("urls", descriptor.urls);
  if (!descriptor.annotations.empty()) out.Add("annotations", StringsOf(descriptor.annotations));
  if (descriptor.platform) {
    Json platform = Json::MakeObject();
    WritePlatform(*descriptor.platform, platform);
    out.Add("platform", std::move(platform));
  }
  if (!descriptor.artifact_type.empty()) out.Add("artifactType", descriptor.artifact_type);
  return out;
}

Status CheckCount(const Json& json, std::string_view key, std::size_t limit) {
  const Json* list = json.Find(key);
  if (list != nullptr && list->IsArray() && list->size() > limit)
    return Error(Code::kResourceExhausted, std::string(key) + ": " + std::to_string(list->size()) +
                                               " entries; at most " + std::to_string(limit) + " are supported");
  return Ok();
}

}  // namespace

Result<Json> ParseDocument(std::string_view text, const char* what) {
  codec::JsonLimits limits;
  limits.bytes = kMaxDocument;
  Json json = TRY_CTX(codec::ParseJson(text, limits), std::string("parse ") + what);
  if (!json.IsObject()) return Error(Code::kInvalidArgument, std::string("parse ") + what + ": it is no JSON object");
  return json;
}

Result<DocumentKind> KindOfDocument(std::string_view text, std::string_view media_type) {
  if (media_type.starts_with(kSchema1)) return Schema1();
  const Json json = TRY(ParseDocument(text, "manifest"));
  const std::string own = json.GetString("mediaType");
  if (own.starts_with(kSchema1) || json.GetInt("schemaVersion") == 1) return Schema1();
  // The document itself knows best; registries label things wrongly.
  if (const auto kind = KindOfType(own)) return *kind;
  const bool index = json.Find("manifests") != nullptr;
  const bool manifest = json.Find("config") != nullptr && json.Find("layers") != nullptr;
  if (index != manifest) return index ? DocumentKind::kIndex : DocumentKind::kManifest;
  if (const auto kind = KindOfType(media_type)) return *kind;
  return Error(Code::kInvalidArgument, "the document is neither an image manifest nor an index (its type is '" +
                                           std::string(own.empty() ? media_type : own) + "')");
}

Result<std::string> MediaTypeOf(std::string_view text, std::string_view given) {
  const DocumentKind kind = TRY(KindOfDocument(text, given));
  const Json json = TRY(ParseDocument(text, "manifest"));
  const std::string own = json.GetString("mediaType");
  if (KindOfType(own) == kind) return own;
  if (KindOfType(given) == kind) return std::string(given);
  return std::string(kind == DocumentKind::kIndex ? media::kOciIndex : media::kOciManifest);
}

Result<Index> ParseIndex(std::string_view text) {
  const Json json = TRY(ParseDocument(text, "image index"));
  TRY(CheckCount(json, "manifests", kMaxManifests));
  Index out;
  Reader in(json);
  in.Read("mediaType", &out.media_type);
  in.Read("annotations", &out.annotations);
  // Digests of other algorithms and unknown media types are for others to read: only what is used is checked.
  in.EachObject("manifests", [&out](Reader& item) { out.manifests.push_back(ReadDescriptor(item)); });
  TRY_CTX(in.Finish(), "parse image index");
  return out;
}

Result<Manifest> ParseManifest(std::string_view text) {
  const Json json = TRY(ParseDocument(text, "image manifest"));
  TRY(CheckCount(json, "layers", kMaxLayers));
  Manifest out;
  Reader in(json);
  in.Read("mediaType", &out.media_type);
  in.Read("artifactType", &out.artifact_type);
  in.Read("annotations", &out.annotations);
  if (!in.Has("config")) in.Fail("config", "is missing");
  in.Object("config", [&out](Reader& config) {
    out.config = ReadDescriptor(config);
    CheckDigest(config, out.config);
  });
  in.EachObject("layers", [&out](Reader& layer) {
    out.layers.push_back(ReadDescriptor(layer));
    CheckDigest(layer, out.layers.back());
  });
  TRY_CTX(in.Finish(), "parse image manifest");
  return out;
}

std::string ArtifactTypeOf(const Manifest& manifest) {
  const std::string& config = manifest.config.media_type;
  // Docker's first registries called configs so.
  const bool image = config.empty() || config == media::kOciConfig || config == media::kDockerConfig ||
                     config == "application/octet-stream";
  if (image) return {};
  return manifest.artifact_type.empty() ? config : manifest.artifact_type;
}

Manifest ToOci(const Manifest& manifest) {
  Manifest out = manifest;
  out.media_type = media::kOciManifest;
  out.config.media_type = media::kOciConfig;
  for (Descriptor& layer : out.layers) {
    if (layer.media_type == media::kDockerLayerGzip) layer.media_type = media::kOciLayerGzip;
    if (layer.media_type == media::kDockerLayer) layer.media_type = media::kOciLayer;
    if (layer.media_type == media::kDockerForeignGzip) layer.media_type = media::kOciForeignGzip;
    if (layer.media_type == media::kDockerForeign) layer.media_type = media::kOciForeign;
  }
  return out;
}

Result<Manifest> ToDocker(const Manifest& manifest) {
  Manifest out = manifest;
  out.media_type = media::kDockerManifest;
  out.artifact_type.clear();
  out.annotations.clear();  // schema 2 has none
  out.config.media_type = media::kDockerConfig;
  for (Descriptor& layer : out.layers) {
    if (layer.media_type == media::kOciLayerGzip) layer.media_type = media::kDockerLayerGzip;
    if (layer.media_type == media::kOciLayer) layer.media_type = media::kDockerLayer;
    if (layer.media_type == media::kOciForeignGzip) layer.media_type = media::kDockerForeignGzip;
    if (layer.media_type == media::kOciForeign) layer.media_type = media::kDockerForeign;
    if (!layer.media_type.starts_with("application/vnd.docker."))
      return Error(Code::kNotImplemented,
                   "layer '" + layer.digest + "' is of type '" + layer.media_type + "', which docker's schema 2 lacks")
          .Hint("save it in one of OCI's formats");
    layer.annotations.clear();
  }
  return out;
}

std::string WriteIndex(const Index& index) {
  Json out = Json::MakeObject();
  out.Add("schemaVersion", 2);
  if (!index.media_type.empty()) out.Add("mediaType", index.media_type);
  Json manifests = Json::MakeArray();
  for (const Descriptor& manifest : index.manifests) manifests.Append(WriteDescriptor(manifest));
  out.Add("manifests", std::move(manifests));
  if (!index.annotations.empty()) out.Add("annotations", StringsOf(index.annotations));
  return out.Dump();
}

std::string WriteManifest(const Manifest& manifest) {
  Json out = Json::MakeObject();
  out.Add("schemaVersion", 2);
  if (!manifest.media_type.empty()) out.Add("mediaType", manifest.media_type);
  if (!manifest.artifact_type.empty()) out.Add("artifactType", manifest.artifact_type);
  out.Add("config", WriteDescriptor(manifest.config));
  Json layers = Json::MakeArray();
  for (const Descriptor& layer : manifest.layers) layers.Append(WriteDescriptor(layer));
  out.Add("layers", std::move(layers));
  if (!manifest.annotations.empty()) out.Add("annotations", StringsOf(manifest.annotations));
  return out.Dump();
}

}  // namespace estiba::oci
