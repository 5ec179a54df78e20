#include "images.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json_reader.h"
#include "names.h"

namespace estiba::engine {
namespace {

using codec::Json;
using codec::Reader;

constexpr const char* kTags = "tags";

std::string ShortDigest(const std::string& id) { return ShortId(id.substr(id.find(':') + 1)); }

std::int64_t Seconds(const std::string& rfc3339) {
  auto time = ParseRfc3339(rfc3339);
  if (!time.ok()) return 0;
  return std::chrono::floor<std::chrono::seconds>(time.value().time_since_epoch()).count();
}

// The same layers may come in other blobs: those of the new manifest hold. Sizes of layers that were there already come
// as 0: what is known of them is kept.
std::vector<image::LayerInfo> MergeLayers(const std::vector<image::LayerInfo>& known,
                                          std::vector<image::LayerInfo> loaded) {
  if (known.size() != loaded.size()) return loaded;
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    if (loaded[i].size == 0) loaded[i].size = known[i].size;
    if (loaded[i].unpacked_size == 0) loaded[i].unpacked_size = known[i].unpacked_size;
  }
  return loaded;
}

void AddNew(std::vector<std::string>& known, const std::vector<std::string>& more) {
  for (const std::string& one : more)
    if (std::ranges::find(known, one) == known.end()) known.push_back(one);
}

Error NoSuchImage(const std::string& name) { return Error(Code::kNotFound, "No such image: " + name); }

}  // namespace

std::vector<std::string> ImageRecord::Documents() const {
  std::vector<std::string> documents = {id, manifest_digest};
  for (const std::string& reference : repo_digests)
    documents.push_back(reference.substr(reference.find('@') + 1));
  documents.insert(documents.end(), indexes.begin(), indexes.end());
  documents.insert(documents.end(), kept.begin(), kept.end());
  return documents;
}

std::vector<std::string> ImageRecord::Blobs() const {
  std::vector<std::string> blobs = Documents();
  for (const image::LayerInfo& layer : layers) blobs.push_back(layer.digest);
  return blobs;
}

Json ImageRecord::ToJson() const {
  Json json = Json::MakeObject({{"id", id}, {"manifest", manifest_digest}, {"repo_digests", repo_digests}});
  if (!artifact_type.empty()) json.Set("artifact_type", artifact_type);
  if (!indexes.empty()) json.Set("indexes", indexes);
  if (!kept.empty()) json.Set("kept", kept);
  json.Set("size", size);
  json.Set("created", created);
  Json map = Json::MakeObject();
  for (const auto& [key, value] : labels) map.Add(key, value);
  json.Set("labels", std::move(map));
  Json list = Json::MakeArray();
  for (const image::LayerInfo& layer : layers) {
    list.Append(Json::MakeObject({{"digest", layer.digest},
                                  {"diff_id", layer.diff_id},
                                  {"chain_id", layer.chain_id},
                                  {"size", layer.size},
                                  {"unpacked_size", layer.unpacked_size}}));
  }
  json.Set("layers", std::move(list));
  return json;
}

Result<ImageRecord> ImageRecord::FromJson(const Json& json) {
  ImageRecord record;
  Reader reader(json);
  reader.Require("id", &record.id);
  reader.Require("manifest", &record.manifest_digest);
  reader.Read("repo_digests", &record.repo_digests);
  reader.Read("artifact_type", &record.artifact_type);
  reader.Read("indexes", &record.indexes);
  reader.Read("kept", &record.kept);
  reader.Read("size", &record.size);
  reader.Read("created", &record.created);
  reader.Read("labels", &record.labels);
  reader.EachObject("layers", [&](Reader& item) {
    image::LayerInfo& layer = record.layers.emplace_back();
    item.Read("digest", &layer.digest);
    item.Read("diff_id", &layer.diff_id);
    item.Require("chain_id", &layer.chain_id);
    item.Read("size", &layer.size);
    item.Read("unpacked_size", &layer.unpacked_size);
  });
  TRY(reader.Finish());
  return record;
}

Result<std::unique_ptr<Images>> Images::Open(store::Database* database, store::ContentStore* content,
                                             store::Snapshots* snapshots) {
  std::unique_ptr<Images> images(new Images(database, content, snapshots));
  TRY_CTX(images->Load(), "load images");
  TRY_CTX(images->LoadUses(WallNow()), "load images");
  return images;
}

Status Images::Load() {
  const std::vector<store::Document> records = TRY(database_->List(kImages));
  const std::vector<store::Document> tags = TRY(database_->List(kTags));
  auto state = state_.Lock();
  for (const store::Document& document : records) {
    const Json json = TRY_CTX(codec::ParseJson(document.value), "image '" + document.key + "'");
    ImageRecord record = TRY_CTX(ImageRecord::FromJson(json), "image '" + document.key + "'");
    state->by_id.emplace(document.key, std::make_shared<const ImageRecord>(std::move(record)));
  }
  for (const store::Document& document : tags) {
    if (state->by_id.contains(document.value)) state->tags.emplace(document.key, document.value);
  }
  return Ok();
}

void Images::Tell(const char* action, const std::string& id, const std::string& name) const {
  if (callbacks_.event) callbacks_.event(action, id, name);
}

std::vector<ImagePtr> Images::All() const {
  std::vector<ImagePtr> all;
  auto state = state_.Lock();
  for (const auto& [id, image] : state->by_id) all.push_back(image);
  return all;
}

std::size_t Images::count() const { return state_.Lock()->by_id.size(); }

Result<ImagePtr> Images::Get(const std::string& name) const {
  auto parsed = oci::ParseReferenceOrLatest(name);
  auto state = state_.Lock();
  if (parsed.ok()) {
    oci::Reference reference = parsed.value();
    const std::string digest = reference.digest;
    if (digest.empty()) {
      const auto tag = state->tags.find(reference.ToString());
      if (tag != state->tags.end()) return state->by_id.at(tag->second);
    }
    const std::string wanted = reference.Name() + "@" + digest;
    for (const auto& [id, image] : state->by_id) {
      if (digest.empty()) break;
      const auto& known = image->repo_digests;
      if (std::find(known.begin(), known.end(), wanted) != known.end()) return image;
    }
  }
  if (!oci::LooksLikeId(name)) {
    if (!parsed.ok()) return std::move(parsed).error();
    return NoSuchImage(parsed.value().Familiar());
  }
  const std::string prefix = name.starts_with("sha256:") ? name : "sha256:" + name;
  const auto first = state->by_id.lower_bound(prefix);
  if (first == state->by_id.end() || !first->first.starts_with(prefix)) return NoSuchImage(name);
  const auto next = std::next(first);
  if (next != state->by_id.end() && next->first.starts_with(prefix)) {
    return Error(Code::kInvalidArgument, "ambiguous image id prefix: " + name);
  }
  return first->second;
}

Result<oci::ImageConfig> Images::Config(const ImageRecord& image) const {
  const std::string json = TRY_CTX(content_->Read(image.id), "read image '" + ShortDigest(image.id) + "'");
  if (!image.artifact_type.empty()) {
    const oci::Manifest manifest = TRY_CTX(oci::ParseManifest(json), "read artifact '" + ShortDigest(image.id) + "'");
    oci::ImageConfig config;
    const auto created = manifest.annotations.find("org.opencontainers.image.created");
    if (created != manifest.annotations.end()) config.created = created->second;
    return config;
  }
  return TRY_CTX(oci::ParseImageConfig(json), "read image '" + ShortDigest(image.id) + "'");
}

ImagePtr Images::FindSibling(const ImageRecord& image, const oci::Platform& platform, bool any_variant) const {
  ImagePtr similar;
  for (const ImagePtr& other : All()) {
    if (std::ranges::find(image.kept, other->manifest_digest) == image.kept.end()) continue;
    const auto config = Config(*other);
    if (!config.ok() || !other->artifact_type.empty()) continue;
    if (!oci::CheckPlatform("", config->platform, platform).ok()) continue;
    if (config->platform.variant == platform.variant) return other;
    similar = other;
  }
  return any_variant ? similar : nullptr;
}

ImageDefaults Images::Defaults(const oci::ImageConfig& config) {
  const oci::ImageRunConfig& run = config.config;
  ImageDefaults defaults;
  defaults.entrypoint = run.entrypoint;
  defaults.cmd = run.cmd;
  defaults.env = run.env;
  defaults.labels = {run.labels.begin(), run.labels.end()};
  defaults.volumes = run.volumes;
  defaults.exposed_ports = run.exposed_ports;
  defaults.working_dir = run.working_dir;
  defaults.user = run.user;
  defaults.stop_signal = run.stop_signal;
  defaults.healthcheck = RunConfig(run).healthcheck;
  return defaults;
}

Status Images::Record(const image::LoadedImage& loaded, const std::string& pulled_reference) {
  const std::lock_guard change(changes_);
  ImageRecord record;
  {
    auto state = state_.Lock();
    const auto found = state->by_id.find(loaded.id);
    if (found != state->by_id.end()) record = *found->second;
  }
  record.id = loaded.id;
  record.manifest_digest = loaded.manifest_digest;
  record.layers = MergeLayers(record.layers, loaded.layers);
  record.size = std::max(record.size, loaded.size);
  record.artifact_type = loaded.artifact_type;
  if (!loaded.index_digest.empty()) AddNew(record.indexes, {loaded.index_digest});
  AddNew(record.kept, loaded.kept);
  const oci::ImageConfig config = TRY(Config(record));
  record.created = Seconds(config.created);
  record.labels = {config.config.labels.begin(), config.config.labels.end()};
  if (!pulled_reference.empty() && !loaded.repo_digest.empty()) {
    const oci::Reference reference = TRY(oci::ParseReference(pulled_reference));
    const std::string full = reference.Name() + "@" + loaded.repo_digest;
    auto& known = record.repo_digests;
    if (std::find(known.begin(), known.end(), full) == known.end()) known.push_back(full);
  }
  store::Batch batch;
  batch.Put(kImages, record.id, record.ToJson().Dump());
  for (const std::string& name : loaded.names) batch.Put(kTags, name, record.id);
  TRY(database_->ApplyDurably(batch));
  {
    auto state = state_.Lock();
    state->by_id[record.id] = std::make_shared<const ImageRecord>(record);
    state->described.erase(record.id);  // its manifest may be another one
    for (const std::string& name : loaded.names) state->tags[name] = record.id;
  }
  NoteUse(record.id, WallNow());
  return Ok();
}

std::vector<std::string> Images::NamesOf(const std::string& id) const {
  std::vector<std::string> names;
  auto state = state_.Lock();
  for (const auto& [reference, named] : state->tags) {
    if (named == id) names.push_back(reference);
  }
  return names;
}

Status Images::WhileThere(const std::vector<std::string>& ids, const std::function<void()>& hold) {
  {
    const std::lock_guard change(changes_);
    for (const std::string& id : ids) TRY(Get(id));
    hold();
  }
  for (const std::string& id : ids) NoteUse(id, WallNow());
  return Ok();
}

Status Images::Tag(const std::string& name, const std::string& repository, const std::string& tag) {
  const std::lock_guard change(changes_);
  const ImagePtr image = TRY(Get(name));
  const oci::Reference reference =
      TRY(oci::ParseReferenceOrLatest(tag.empty() ? repository : repository + ":" + tag));
  if (!reference.digest.empty()) {
    return Error(Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  }
  TRY(database_->Put(kTags, reference.ToString(), image->id));
  state_.Lock()->tags[reference.ToString()] = image->id;
  Tell("tag", image->id, reference.Familiar());
  return Ok();
}

Result<std::vector<apitypes::ImageDeleteItem>> Images::Untag(const ImagePtr& image,
                                                             const std::string& reference, bool force) {
  const std::vector<std::string> names = NamesOf(image->id);
  if (names.size() == 1) {
    // The last name: the image goes with it, unless containers stand on it.
    const auto users = callbacks_.users ? callbacks_.users(image->id) : std::vector<ImageUser>{};
    if (users.empty()) return DeleteImage(image, force);
    if (!force) {
      const ImageUser& user = users.front();
      const oci::Reference shown = TRY(oci::ParseReference(reference));
      return Error(Code::kConflict, "conflict: unable to remove repository reference \"" + shown.Familiar() +
                                        "\" (must force) - container " + ShortId(user.container_id) +
                                        " is using its referenced image " + ShortDigest(image->id));
    }
  }
  TRY(database_->Delete(kTags, reference));
  state_.Lock()->tags.erase(reference);
  apitypes::ImageDeleteItem item;
  item.untagged = TRY(oci::ParseReference(reference)).Familiar();
  Tell("untag", image->id, item.untagged);
  return std::vector<apitypes::ImageDeleteItem>{item};
}

Result<std::vector<apitypes::ImageDeleteItem>> Images::DeleteImage(const ImagePtr& image, bool force) {
  const std::vector<std::string> names = NamesOf(image->id);
  for (const ImageUser& user : callbacks_.users ? callbacks_.users(image->id) : std::vector<ImageUser>{}) {
    if (!user.running && force) continue;
    const char* how = user.running ? "cannot be forced) - image is being used by running container "
                                   : "must be forced) - image is being used by stopped container ";
    return Error(Code::kConflict, "conflict: unable to delete " + ShortDigest(image->id) + " (" + how +
                                      ShortId(user.container_id));
  }
  if (names.size() > 1 && !force) {
    return Error(Code::kConflict, "conflict: unable to delete " + ShortDigest(image->id) +
                                      " (must be forced) - image is referenced in multiple repositories");
  }
  store::Batch batch;
  batch.Delete(kImages, image->id);
  batch.Delete(kImageUses, image->id);
  for (const std::string& name : names) batch.Delete(kTags, name);
  TRY(database_->Apply(batch));
  {
    auto state = state_.Lock();
    state->by_id.erase(image->id);
    state->used.erase(image->id);
    state->described.erase(image->id);
    for (const std::string& name : names) state->tags.erase(name);
  }
  std::vector<apitypes::ImageDeleteItem> items;
  const auto add_untagged = [&](const std::string& reference) {
    const auto parsed = oci::ParseReference(reference);
    if (!parsed.ok()) return;
    items.push_back({parsed.value().Familiar(), ""});
    Tell("untag", image->id, parsed.value().Familiar());
  };
  for (const std::string& name : names) add_untagged(name);
  for (const std::string& name : image->repo_digests) add_untagged(name);
  items.push_back({"", image->id});
  Tell("delete", image->id, image->id);
  return items;
}

Result<std::vector<apitypes::ImageDeleteItem>> Images::Remove(const std::string& name, bool force) {
  const std::lock_guard change(changes_);
  const ImagePtr image = TRY(Get(name));
  // A name that is one takes only itself away; an id takes the image.
  auto reference = oci::ParseReferenceOrLatest(name);
  if (reference.ok() && reference.value().digest.empty()) {
    const std::string full = reference.value().ToString();
    bool tagged = false;
    {
      auto state = state_.Lock();
      tagged = state->tags.contains(full);
    }
    if (tagged) return Untag(image, full, force);
  }
  return DeleteImage(image, force);
}

Result<apitypes::PruneReport> Images::Prune(const apitypes::Filters& filters) {
  TRY(filters.Allow({"dangling", "label", "label!", "until"}));
  const auto until = TRY(filters.Until(WallNow()));
  const bool only_dangling = TRY(filters.Flag("dangling", true));
  apitypes::PruneReport report;
  for (const ImagePtr& image : All()) {
    const std::lock_guard change(changes_);
    if (only_dangling && !NamesOf(image->id).empty()) continue;
    if (until && WallTime(std::chrono::seconds(image->created)) >= *until) continue;
    if (!filters.Labels("label", image->labels)) continue;
    if (filters.Has("label!") && filters.Labels("label!", image->labels)) continue;
    if (callbacks_.users && !callbacks_.users(image->id).empty()) continue;
    auto deleted = DeleteImage(image, true);
    if (!deleted.ok()) continue;  // a container came to use it meanwhile
    for (const auto& item : deleted.value())
      report.deleted.push_back(item.deleted.empty() ? item.untagged : item.deleted);
  }
  report.space_reclaimed = static_cast<std::int64_t>(TRY(Collect()));
  return report;
}

Result<image::SaveItem> Images::ForSave(const std::string& name) const {
  const ImagePtr image = TRY(Get(name));
  image::SaveItem item;
  item.manifest_digest = image->manifest_digest;
  item.index_digests = IndexesOf(*image);
  auto reference = oci::ParseReferenceOrLatest(name);
  auto state = state_.Lock();
  if (reference.ok() && state->tags.contains(reference.value().ToString())) {
    item.names.push_back(reference.value().ToString());
  }
  return item;
}

}  // namespace estiba::engine
