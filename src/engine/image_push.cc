// Images on their way to registries: what is sent, and where else a registry may have it.

#include <algorithm>

#include "images.h"

namespace estiba::engine {

std::vector<std::string> Images::IndexesOf(const ImageRecord& image) {
  std::vector<std::string> indexes = image.indexes;
  for (const std::string& reference : image.repo_digests) {
    const std::string digest = reference.substr(reference.find('@') + 1);
    const bool known = std::ranges::find(indexes, digest) != indexes.end();
    if (!known && digest != image.manifest_digest) indexes.push_back(digest);
  }
  return indexes;
}

Result<std::vector<image::PushItem>> Images::ForPush(const oci::Reference& name, const std::string& tag) const {
  std::vector<image::PushItem> out;
  bool known = false;
  const std::string prefix = name.Name() + ":";
  auto state = state_.Lock();
  for (auto next = state->tags.lower_bound(prefix); next != state->tags.end(); ++next) {
    if (!next->first.starts_with(prefix)) break;
    known = true;
    image::PushItem item;
    item.tag = next->first.substr(prefix.size());
    if (!tag.empty() && item.tag != tag) continue;
    const ImageRecord& image = *state->by_id.at(next->second);
    item.image_id = image.id;
    item.manifest_digest = image.manifest_digest;
    item.index_digests = IndexesOf(image);
    item.compress = std::ranges::none_of(image.repo_digests, [&](const std::string& reference) {
      return reference.ends_with("@" + image.manifest_digest);
    });
    out.push_back(std::move(item));
  }
  if (!known)
    return Error(Code::kNotFound, "An image does not exist locally with the tag: " + name.FamiliarName());
  if (out.empty()) return Error(Code::kNotFound, "tag does not exist: " + name.FamiliarName() + ":" + tag);
  return out;
}

std::vector<image::BlobOrigin> Images::OriginsOf(const std::vector<image::PushItem>& items,
                                                 const oci::Reference& name) const {
  std::map<std::string, std::set<std::string>> found;
  auto state = state_.Lock();
  for (const image::PushItem& item : items) {
    const auto image = state->by_id.find(item.image_id);
    if (image == state->by_id.end()) continue;
    for (const image::LayerInfo& layer : image->second->layers) found.try_emplace(layer.digest);
  }
  const std::string registry = name.domain + "/";
  for (const auto& [id, image] : state->by_id) {
    std::set<std::string> repositories;
    for (const std::string& reference : image->repo_digests) {
      const std::string repository = reference.substr(0, reference.find('@'));
      if (repository.starts_with(registry) && repository != name.Name())
        repositories.insert(repository.substr(registry.size()));
    }
    for (const image::LayerInfo& layer : image->layers) {
      const auto wanted = found.find(layer.digest);
      if (wanted != found.end()) wanted->second.insert(repositories.begin(), repositories.end());
    }
  }
  std::vector<image::BlobOrigin> out;
  for (auto& [digest, repositories] : found)
    if (!repositories.empty()) out.push_back({digest, {repositories.begin(), repositories.end()}});
  return out;
}

Status Images::RecordPush(const image::PushedTag& pushed) {
  const std::lock_guard change(changes_);
  ImageRecord record;
  {
    auto state = state_.Lock();
    const auto found = state->by_id.find(pushed.image_id);
    if (found == state->by_id.end()) return Ok();
    record = *found->second;
  }
  auto& known = record.repo_digests;
  if (std::ranges::find(known, pushed.repo_digest) != known.end()) return Ok();
  known.push_back(pushed.repo_digest);
  TRY(database_->Put(kImages, record.id, record.ToJson().Dump()));
  state_.Lock()->by_id[record.id] = std::make_shared<const ImageRecord>(record);
  return Ok();
}

}  // namespace estiba::engine
