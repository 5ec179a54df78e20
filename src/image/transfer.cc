#include "image/transfer.h"

#include <array>
#include <utility>

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/json_reader.h"

namespace estiba::image {
namespace {

using codec::Json;
using codec::Reader;

constexpr std::size_t kMaxEvent = 4U << 20;

constexpr std::array<std::string_view, 19> kJobKinds{"pull",    "load", "save",   "login",  "push",   "check",
                                                     "restore", "ask",  "commit", "import", "export", "changes",
                                                     "pack",    "fill", "copy",   "unpack", "stat",   "take",
                                                     "put"};
constexpr std::array<std::string_view, 8> kEventKinds{"progress", "image",  "failed", "done",
                                                      "login",    "pushed", "finding", "answer"};
constexpr std::array<std::string_view, 4> kForms{"both", "docker", "oci", "plain"};
constexpr std::array<std::string_view, 6> kQuestions{"tags",         "referrers", "search",
                                                      "distribution", "manifest",  "manifests"};

template <typename Kind, std::size_t N>
void ReadKind(Reader& in, const std::array<std::string_view, N>& names, Kind* out, const char* key = "kind") {
  std::string text;
  in.Require(key, &text);
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) {
      *out = static_cast<Kind>(i);
      return;
    }
  }
  in.Fail(key, "'" + text + "' is not known");
}

template <typename Kind, std::size_t N>
std::string_view NameOf(const std::array<std::string_view, N>& names, Kind kind) {
  return names[static_cast<std::size_t>(kind)];
}

void AddText(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out.Add(key, value);
}

Json WriteAuth(const oci::RegistryAuth& auth) {
  Json out = Json::MakeObject();
  AddText(out, "username", auth.username);
  AddText(out, "password", auth.password);
  AddText(out, "identityToken", auth.identity_token);
  AddText(out, "registryToken", auth.registry_token);
  return out;
}

Json WriteLayer(const LayerInfo& layer) {
  Json out = Json::MakeObject();
  out.Add("digest", layer.digest);
  out.Add("diffId", layer.diff_id);
  out.Add("chainId", layer.chain_id);
  out.Add("size", layer.size);
  out.Add("unpackedSize", layer.unpacked_size);
  return out;
}

Json WriteLayers(const std::vector<LayerInfo>& layers) {
  Json out = Json::MakeArray();
  for (const LayerInfo& layer : layers) out.Append(WriteLayer(layer));
  return out;
}

Json WriteImage(const LoadedImage& image) {
  Json out = Json::MakeObject();
  out.Add("id", image.id);
  out.Add("manifestDigest", image.manifest_digest);
  out.Add("manifestMediaType", image.manifest_media_type);
  AddText(out, "repoDigest", image.repo_digest);
  out.Add("names", image.names);
  out.Add("layers", WriteLayers(image.layers));
  out.Add("size", image.size);
  AddText(out, "artifactType", image.artifact_type);
  AddText(out, "indexDigest", image.index_digest);
  if (!image.kept.empty()) out.Add("kept", image.kept);
  if (image.up_to_date) out.Add("upToDate", true);
  return out;
}

void ReadLayer(Reader& in, LayerInfo* out) {
  in.Read("digest", &out->digest);
  in.Require("diffId", &out->diff_id);
  in.Require("chainId", &out->chain_id);
  in.Read("size", &out->size);
  in.Read("unpackedSize", &out->unpacked_size);
}

void ReadLayers(Reader& in, std::vector<LayerInfo>* out) {
  in.EachObject("layers", [out](Reader& layer) { ReadLayer(layer, &out->emplace_back()); });
}

void ReadImage(Reader& in, LoadedImage* out) {
  in.Require("id", &out->id);
  in.Require("manifestDigest", &out->manifest_digest);
  in.Read("manifestMediaType", &out->manifest_media_type);
  in.Read("repoDigest", &out->repo_digest);
  in.Read("names", &out->names);
  ReadLayers(in, &out->layers);
  in.Read("size", &out->size);
  in.Read("artifactType", &out->artifact_type);
  in.Read("indexDigest", &out->index_digest);
  in.Read("kept", &out->kept);
  in.Read("upToDate", &out->up_to_date);
}

Json WriteSource(const PullSource& source) {
  const oci::RegistryEndpoint& via = source.via;
  Json out = Json::MakeObject({{"host", source.host}, {"path", source.path}});
  if (!source.resolves) out.Add("resolves", false);
  if (!source.pulls) out.Add("pulls", false);
  AddText(out, "lookaside", source.lookaside);
  if (!source.attachments) out.Add("attachments", false);
  AddText(out, "url", via.url);
  if (via.override_path) out.Add("overridePath", true);
  if (via.insecure) out.Add("insecure", true);
  if (via.skip_verify) out.Add("skipVerify", true);
  AddText(out, "ca", via.ca);
  AddText(out, "cert", via.cert);
  AddText(out, "key", via.key);
  if (!via.headers.empty()) out.Add("headers", via.headers);
  AddText(out, "ns", via.ns);
  if (via.connect_seconds != 0) out.Add("connectSeconds", via.connect_seconds);
  return out;
}

void ReadSource(Reader& in, PullSource* out) {
  in.Require("host", &out->host);
  in.Read("path", &out->path);
  in.Read("resolves", &out->resolves);
  in.Read("pulls", &out->pulls);
  in.Read("lookaside", &out->lookaside);
  in.Read("attachments", &out->attachments);
  in.Read("url", &out->via.url);
  in.Read("overridePath", &out->via.override_path);
  in.Read("insecure", &out->via.insecure);
  in.Read("skipVerify", &out->via.skip_verify);
  in.Read("ca", &out->via.ca);
  in.Read("cert", &out->via.cert);
  in.Read("key", &out->via.key);
  in.Read("headers", &out->via.headers);
  in.Read("ns", &out->via.ns);
  in.Read("connectSeconds", &out->via.connect_seconds);
}

void ReadAuth(Reader& in, oci::RegistryAuth* out) {
  in.Read("username", &out->username);
  in.Read("password", &out->password);
  in.Read("identityToken", &out->identity_token);
  in.Read("registryToken", &out->registry_token);
}

Json WriteCopy(const CopyTarget& copy) {
  Json out = Json::MakeObject({{"reference", copy.reference}});
  if (!copy.place.host.empty()) out.Add("place", WriteSource(copy.place));
  if (!copy.auth.empty()) out.Add("auth", WriteAuth(copy.auth));
  if (copy.all) out.Add("all", true);
  if (copy.referrers) out.Add("referrers", true);
  return out;
}

void ReadCopy(Reader& in, CopyTarget* out) {
  in.Require("reference", &out->reference);
  in.Object("place", [out](Reader& place) { ReadSource(place, &out->place); });
  in.Object("auth", [out](Reader& auth) { ReadAuth(auth, &out->auth); });
  in.Read("all", &out->all);
  in.Read("referrers", &out->referrers);
}

void AddPushes(Json& out, const TransferJob& job) {
  Json pushes = Json::MakeArray();
  for (const PushItem& item : job.pushes)
    pushes.Append(Json::MakeObject({{"tag", item.tag},
                                    {"imageId", item.image_id},
                                    {"manifestDigest", item.manifest_digest},
                                    {"indexDigests", item.index_digests},
                                    {"compress", item.compress}}));
  if (!job.pushes.empty()) out.Add("pushes", std::move(pushes));
  Json origins = Json::MakeArray();
  for (const BlobOrigin& origin : job.origins)
    origins.Append(Json::MakeObject({{"digest", origin.digest}, {"repositories", origin.repositories}}));
  if (!job.origins.empty()) out.Add("origins", std::move(origins));
}

void ReadPushes(Reader& in, TransferJob* out) {
  in.EachObject("pushes", [out](Reader& item) {
    PushItem& one = out->pushes.emplace_back();
    item.Read("tag", &one.tag);
    item.Read("imageId", &one.image_id);
    item.Require("manifestDigest", &one.manifest_digest);
    item.Read("indexDigests", &one.index_digests);
    item.Read("compress", &one.compress);
  });
  in.EachObject("origins", [out](Reader& item) {
    BlobOrigin& one = out->origins.emplace_back();
    item.Require("digest", &one.digest);
    item.Read("repositories", &one.repositories);
  });
}

Json WritePushed(const PushedTag& pushed) {
  return Json::MakeObject({{"tag", pushed.tag},
                           {"imageId", pushed.image_id},
                           {"repoDigest", pushed.repo_digest},
                           {"size", pushed.size}});
}

Json WriteContainer(const ContainerFiles& container) {
  return Json::MakeObject(
      {{"id", container.id}, {"layers", container.layers}, {"copied", container.copied},
       {"mountPoints", container.mount_points}});
}

Json WriteIds(const std::vector<IdRange>& ranges) {
  Json out = Json::MakeArray();
  for (const IdRange& range : ranges)
    out.Append(Json::MakeObject({{"container", range.container}, {"host", range.host}, {"count", range.count}}));
  return out;
}

void ReadIds(Reader& in, const char* key, std::vector<IdRange>* out) {
  in.EachObject(key, [out](Reader& range) {
    IdRange& one = out->emplace_back();
    range.Read("container", &one.container);
    range.Read("host", &one.host);
    range.Read("count", &one.count);
  });
}

// Paths are bytes, which need not be text.
void AddBytes(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out.Add(key, codec::EncodeBase64(value));
}

void ReadBytes(Reader& in, const char* key, std::string* out) {
  std::string text;
  in.Read(key, &text);
  auto bytes = codec::DecodeBase64(text);
  if (!bytes.ok()) return in.Fail(key, "is not base64");
  *out = std::move(*bytes);
}

Json WriteViewMount(const ViewMount& mount) {
  Json out = Json::MakeObject();
  AddBytes(out, "source", mount.source);
  AddBytes(out, "target", mount.target);
  AddBytes(out, "subpath", mount.subpath);
  if (!mount.layers.empty()) out.Add("layers", mount.layers);
  if (mount.read_only) out.Add("readOnly", true);
  if (!mount.recursive) out.Add("recursive", false);
  if (mount.optional) out.Add("optional", true);
  return out;
}

void ReadViewMount(Reader& in, ViewMount* out) {
  ReadBytes(in, "source", &out->source);
  ReadBytes(in, "target", &out->target);
  ReadBytes(in, "subpath", &out->subpath);
  in.Read("layers", &out->layers);
  in.Read("readOnly", &out->read_only);
  in.Read("recursive", &out->recursive);
  in.Read("optional", &out->optional);
}

Json WritePath(const PathJob& path) {
  Json out = Json::MakeObject();
  AddText(out, "container", path.container);
  AddBytes(out, "path", path.path);
  if (path.running) out.Add("running", true);
  if (path.read_only) out.Add("readOnly", true);
  Json mounts = Json::MakeArray();
  for (const ViewMount& mount : path.mounts) mounts.Append(WriteViewMount(mount));
  out.Add("mounts", std::move(mounts));
  out.Add("uids", WriteIds(path.uids));
  out.Add("gids", WriteIds(path.gids));
  if (path.gzip) out.Add("gzip", true);
  if (path.keep_kinds) out.Add("keepKinds", true);
  AddText(out, "owner", path.owner);
  if (path.on_host) out.Add("onHost", true);
  AddBytes(out, "base", path.base);
  AddBytes(out, "name", path.name);
  return out;
}

void ReadPath(Reader& in, PathJob* out) {
  in.Read("container", &out->container);
  ReadBytes(in, "path", &out->path);
  in.Read("running", &out->running);
  in.Read("readOnly", &out->read_only);
  in.EachObject("mounts", [out](Reader& mount) { ReadViewMount(mount, &out->mounts.emplace_back()); });
  ReadIds(in, "uids", &out->uids);
  ReadIds(in, "gids", &out->gids);
  in.Read("gzip", &out->gzip);
  in.Read("keepKinds", &out->keep_kinds);
  in.Read("owner", &out->owner);
  in.Read("onHost", &out->on_host);
  ReadBytes(in, "base", &out->base);
  ReadBytes(in, "name", &out->name);
}

Json WriteNewImage(const NewImage& image) {
  Json out = Json::MakeObject({{"config", image.config}, {"names", image.names}});
  AddText(out, "baseManifest", image.base_manifest);
  out.Add("layers", WriteLayers(image.layers));
  return out;
}

void ReadNewImage(Reader& in, NewImage* out) {
  in.Require("config", &out->config);
  in.Read("names", &out->names);
  in.Read("baseManifest", &out->base_manifest);
  ReadLayers(in, &out->layers);
}

Result<Json> ParseBounded(std::string_view text, std::size_t limit) {
  codec::JsonLimits limits;
  limits.bytes = limit;
  return codec::ParseJson(text, limits);
}

Json WriteSignedBy(const oci::SignedBy& one) {
  std::vector<std::string> keys;  // files' bytes: no text, perhaps
  for (const std::string& key : one.keys) keys.push_back(codec::EncodeBase64(key));
  Json out = Json::MakeObject({{"keys", keys}, {"match", static_cast<unsigned>(one.identity.match)}});
  if (one.form == oci::SignatureForm::kOpenPgp) out.Add("openPgp", true);
  AddText(out, "reference", one.identity.reference);
  AddText(out, "prefix", one.identity.prefix);
  AddText(out, "signedPrefix", one.identity.signed_prefix);
  return out;
}

void ReadSignedBy(Reader& in, oci::SignedBy* out) {
  std::uint32_t match = 0;
  bool open_pgp = false;
  std::vector<std::string> keys;
  in.Read("keys", &keys);
  for (const std::string& key : keys) {
    auto bytes = codec::DecodeBase64(key);
    if (!bytes.ok()) return in.Fail("keys", "is not base64");
    out->keys.push_back(std::move(*bytes));
  }
  in.Read("openPgp", &open_pgp);
  if (open_pgp) out->form = oci::SignatureForm::kOpenPgp;
  in.Read("match", &match);
  in.Read("reference", &out->identity.reference);
  in.Read("prefix", &out->identity.prefix);
  in.Read("signedPrefix", &out->identity.signed_prefix);
  if (match > static_cast<std::uint32_t>(oci::SignedIdentity::Match::kRemap)) return in.Fail("match", "is not known");
  out->identity.match = static_cast<oci::SignedIdentity::Match>(match);
}

}  // namespace

std::string FolderOfLookaside(std::string_view url) {
  constexpr std::string_view kFile = "file://";
  return url.starts_with(kFile) ? std::string(url.substr(kFile.size())) : std::string();
}

bool WorksOnPaths(JobKind kind) {
  return kind == JobKind::kStatPath || kind == JobKind::kTakePath || kind == JobKind::kPutPath;
}

std::string WriteJob(const TransferJob& job) {
  Json out = Json::MakeObject();
  out.Add("kind", NameOf(kJobKinds, job.kind));
  out.Add("lease", job.lease);
  if (job.user_xattrs) out.Add("userXattrs", true);
  if (job.erofs) out.Add("erofs", true);
  AddText(out, "reference", job.reference);
  AddText(out, "knownId", job.known_id);
  if (!job.platform.os.empty()) out.Add("platform", job.platform.ToString());
  if (!job.auth.empty()) out.Add("auth", WriteAuth(job.auth));
  Json sources = Json::MakeArray();
  for (const PullSource& source : job.sources) sources.Append(WriteSource(source));
  if (!job.sources.empty()) out.Add("sources", std::move(sources));
  if (!job.insecure_registries.empty()) out.Add("insecureRegistries", job.insecure_registries);
  Json signed_by = Json::MakeArray();
  for (const oci::SignedBy& one : job.signed_by) signed_by.Append(WriteSignedBy(one));
  if (!job.signed_by.empty()) out.Add("signedBy", std::move(signed_by));
  if (!job.keep_blobs) out.Add("keepBlobs", false);
  if (job.parallel != 0) out.Add("parallel", job.parallel);
  if (job.stall_timeout != 0) out.Add("stallTimeout", job.stall_timeout);
  if (job.parallel_ranges != 0) out.Add("parallelRanges", job.parallel_ranges);
  Json images = Json::MakeArray();
  for (const SaveItem& item : job.images)
    images.Append(Json::MakeObject(
        {{"manifestDigest", item.manifest_digest}, {"names", item.names}, {"indexDigests", item.index_digests}}));
  if (!job.images.empty()) out.Add("images", std::move(images));
  if (job.form != ArchiveForm::kBoth) out.Add("form", NameOf(kForms, job.form));
  if (job.quiet) out.Add("quiet", true);
  if (job.all_platforms) out.Add("allPlatforms", true);
  AddPushes(out, job);
  if (job.kind == JobKind::kCopy) out.Add("copy", WriteCopy(job.copy));
  if (job.kind == JobKind::kAsk) {
    out.Add("question", NameOf(kQuestions, job.question));
    AddText(out, "term", job.term);
    if (job.limit != 0) out.Add("limit", job.limit);
  }
  Json checks = Json::MakeArray();
  for (const CheckItem& item : job.checks)
    checks.Append(Json::MakeObject({{"blobs", item.blobs}, {"layers", WriteLayers(item.layers)}}));
  if (!job.checks.empty()) out.Add("checks", std::move(checks));
  if (!job.container.id.empty()) out.Add("container", WriteContainer(job.container));
  if (WorksOnPaths(job.kind)) out.Add("path", WritePath(job.path));
  if (!job.image.config.empty()) out.Add("image", WriteNewImage(job.image));
  AddText(out, "source", job.source);
  return out.Dump();
}

Result<TransferJob> ParseJob(std::string_view text) {
  const Json json = TRY_CTX(ParseBounded(text, kMaxJob), "parse job");
  TransferJob out;
  std::string platform;
  Reader in(json);
  ReadKind(in, kJobKinds, &out.kind);
  in.Require("lease", &out.lease);
  in.Read("userXattrs", &out.user_xattrs);
  in.Read("erofs", &out.erofs);
  in.Read("reference", &out.reference);
  in.Read("knownId", &out.known_id);
  in.Read("platform", &platform);
  in.Object("auth", [&out](Reader& auth) { ReadAuth(auth, &out.auth); });
  in.Object("copy", [&out](Reader& copy) { ReadCopy(copy, &out.copy); });
  in.EachObject("sources", [&out](Reader& item) { ReadSource(item, &out.sources.emplace_back()); });
  in.Read("insecureRegistries", &out.insecure_registries);
  in.EachObject("signedBy", [&out](Reader& one) { ReadSignedBy(one, &out.signed_by.emplace_back()); });
  in.Read("keepBlobs", &out.keep_blobs);
  in.Read("parallel", &out.parallel);
  in.Read("stallTimeout", &out.stall_timeout);
  in.Read("parallelRanges", &out.parallel_ranges);
  in.EachObject("images", [&out](Reader& item) {
    SaveItem& one = out.images.emplace_back();
    item.Require("manifestDigest", &one.manifest_digest);
    item.Read("names", &one.names);
    item.Read("indexDigests", &one.index_digests);
  });
  if (in.Has("form")) ReadKind(in, kForms, &out.form, "form");
  in.Read("quiet", &out.quiet);
  in.Read("allPlatforms", &out.all_platforms);
  ReadPushes(in, &out);
  if (out.kind == JobKind::kAsk) ReadKind(in, kQuestions, &out.question, "question");
  in.Read("term", &out.term);
  in.Read("limit", &out.limit);
  in.EachObject("checks", [&out](Reader& item) {
    CheckItem& one = out.checks.emplace_back();
    item.Read("blobs", &one.blobs);
    ReadLayers(item, &one.layers);
  });
  in.Object("container", [&out](Reader& container) {
    container.Require("id", &out.container.id);
    container.Read("layers", &out.container.layers);
    container.Read("copied", &out.container.copied);
    container.Read("mountPoints", &out.container.mount_points);
  });
  in.Object("path", [&out](Reader& path) { ReadPath(path, &out.path); });
  in.Object("image", [&out](Reader& image) { ReadNewImage(image, &out.image); });
  in.Read("source", &out.source);
  TRY_CTX(in.Finish(), "parse job");
  if (!platform.empty()) out.platform = TRY_CTX(oci::ParsePlatform(platform), "parse job");
  return out;
}

std::string DockerLoginAnswer(const TransferEvent& event) {
  return Json::MakeObject({{"IdentityToken", event.identity_token}, {"Status", "Login Succeeded"}}).Dump() + "\n";
}

std::string DockerPushedLine(const TransferEvent& event) {
  const PushedTag& pushed = event.pushed;
  const Json aux = Json::MakeObject({{"Tag", pushed.tag},
                                     {"Digest", pushed.repo_digest.substr(pushed.repo_digest.find('@') + 1)},
                                     {"Size", pushed.size}});
  return Json::MakeObject({{"progressDetail", Json::MakeObject()}, {"aux", aux}}).Dump() + "\r\n";
}

std::string WriteEvent(const TransferEvent& event) {
  Json out = Json::MakeObject();
  out.Add("kind", NameOf(kEventKinds, event.kind));
  AddText(out, "id", event.id);
  AddText(out, "status", event.status);
  if (event.current != 0) out.Add("current", event.current);
  if (event.total != 0) out.Add("total", event.total);
  AddText(out, "stream", event.stream);
  AddText(out, "identityToken", event.identity_token);
  AddText(out, "answer", event.answer);
  if (event.kind == EventKind::kImage) out.Add("image", WriteImage(event.image));
  if (event.kind == EventKind::kPushed) out.Add("pushed", WritePushed(event.pushed));
  if (event.kind == EventKind::kFailed) {
    out.Add("code", static_cast<unsigned>(event.code));
    out.Add("message", event.message);
    AddText(out, "hint", event.hint);
  }
  if (event.kind == EventKind::kFinding) out.Add("message", event.message);
  return out.Dump() + "\n";
}

Result<TransferEvent> ParseEvent(std::string_view line) {
  const Json json = TRY_CTX(ParseBounded(line, kMaxEvent), "parse transfer event");
  TransferEvent out;
  std::uint32_t code = 0;
  Reader in(json);
  ReadKind(in, kEventKinds, &out.kind);
  in.Read("id", &out.id);
  in.Read("status", &out.status);
  in.Read("current", &out.current);
  in.Read("total", &out.total);
  in.Read("stream", &out.stream);
  in.Read("identityToken", &out.identity_token);
  in.Read("answer", &out.answer);
  in.Object("image", [&out](Reader& image) { ReadImage(image, &out.image); });
  in.Object("pushed", [&out](Reader& pushed) {
    pushed.Read("tag", &out.pushed.tag);
    pushed.Read("imageId", &out.pushed.image_id);
    pushed.Require("repoDigest", &out.pushed.repo_digest);
    pushed.Read("size", &out.pushed.size);
  });
  in.Read("code", &code);
  in.Read("message", &out.message);
  in.Read("hint", &out.hint);
  TRY_CTX(in.Finish(), "parse transfer event");
  if (code <= static_cast<std::uint32_t>(Code::kDeadlineExceeded)) out.code = static_cast<Code>(code);
  return out;
}

}  // namespace estiba::image
