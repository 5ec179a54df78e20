// Images that go by themselves, and what that takes: when each was used last.

#include <algorithm>

#include "base/log.h"
#include "base/parse.h"
#include "images.h"
#include "names.h"
#include "warn.h"

namespace estiba::engine {
namespace {

// Uses within such a time are one on disk: many short containers cost one write.
constexpr std::chrono::seconds kFine{60};

}  // namespace

Status Images::LoadUses(WallTime now) {
  const std::vector<store::Document> uses = TRY(database_->List(kImageUses));
  auto state = state_.Lock();
  for (const store::Document& use : uses) {
    const auto seconds = ParseInt(use.value);
    if (seconds.ok()) state->used[use.key] = WallTime(std::chrono::seconds(*seconds));
  }
  // Known longer than uses are noted: theirs begin today.
  for (const auto& [id, image] : state->by_id) state->used.emplace(id, now);
  return Ok();
}

void Images::NoteUse(const std::string& id, WallTime now) {
  {
    auto state = state_.Lock();
    if (!state->by_id.contains(id)) return;
    const auto known = state->used.find(id);
    const bool fresh = known == state->used.end() || now - known->second > kFine;
    if (!fresh) return;
    state->used[id] = now;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  WarnIf(database_->Put(kImageUses, id, std::to_string(seconds)), "note the use of an image", id);
}

std::uint64_t Images::Needed(const std::map<std::string, ImagePtr>& by_id) {
  std::map<std::string, std::uint64_t> sizes;  // of layers by chain id, and of blobs
  for (const auto& [id, image] : by_id) {
    for (const image::LayerInfo& layer : image->layers) {
      sizes[layer.chain_id] = layer.unpacked_size;
      sizes["blob " + layer.digest] = layer.size;
    }
  }
  std::uint64_t total = 0;
  for (const auto& [name, size] : sizes) total += size;
  return total;
}

Result<bool> Images::RemoveByPolicy(const ImagePtr& image, const char* why) {
  const std::lock_guard change(changes_);
  if (callbacks_.users && !callbacks_.users(image->id).empty()) return false;
  const auto names = NamesOf(image->id);
  const auto deleted = DeleteImage(image, /*force=*/true);
  if (!deleted.ok()) return false;  // somebody came to use it, or removed it
  log::Info("image removed by the policy of the settings",
            {{"image", names.empty() ? image->id : names.front()}, {"why", why}});
  return true;
}

Status Images::ApplyPolicy(const ImagePolicy& policy, WallTime now) {
  if (!policy.removes()) return Ok();
  std::vector<std::pair<WallTime, ImagePtr>> oldest_first;
  std::map<std::string, ImagePtr> left;
  {
    auto state = state_.Lock();
    left = state->by_id;
    for (const auto& [id, image] : left) {
      const auto used = state->used.find(id);
      if (used != state->used.end() && now - used->second >= policy.minimum_age)
        oldest_first.emplace_back(used->second, image);
    }
  }
  std::ranges::sort(oldest_first, {}, [](const auto& one) { return one.first; });
  for (const auto& [used, image] : oldest_first) {
    const bool stale = policy.unused_for.count() > 0 && now - used >= policy.unused_for;
    const bool too_much =
        policy.keep_storage > 0 && Needed(left) > static_cast<std::uint64_t>(policy.keep_storage);
    if (!stale && !too_much) continue;
    const bool removed = TRY(RemoveByPolicy(image, stale ? "images.unused_for" : "images.keep_storage"));
    if (removed) left.erase(image->id);
  }
  return Ok();
}

Images::Hold Images::HoldBlobs(const std::string& id) {
  ++(*held_->Lock())[id];
  return Hold(nullptr, [held = held_, id](void*) {
    auto counts = held->Lock();
    if (--(*counts)[id] == 0) counts->erase(id);
  });
}

std::vector<std::string> Images::MissingBlobs(const ImageRecord& image) const {
  std::vector<std::string> missing;
  for (const image::LayerInfo& layer : image.layers) {
    if (!content_->Has(layer.digest)) missing.push_back(layer.digest);
  }
  return missing;
}

}  // namespace estiba::engine
