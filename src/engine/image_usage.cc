// The room that images take, and what of it nothing needs.

#include <algorithm>

#include "images.h"

namespace estiba::engine {
namespace {

// What goes away meanwhile takes no room.
std::uint64_t OrZero(const Result<std::uint64_t>& size) { return size.ok() ? *size : 0; }

}  // namespace

std::int64_t Images::Usage::SharedOf(const std::string& id) const {
  const auto found = shared.find(id);
  return found == shared.end() ? 0 : static_cast<std::int64_t>(found->second);
}

Result<Images::Usage> Images::MeasureUsage() const {
  struct Layer {
    std::uint64_t bytes = 0;
    unsigned images = 0;
  };
  std::map<std::string, Layer> layers;
  std::set<std::string> elsewhere;  // layers' blobs that a registry has
  std::map<std::string, ImagePtr> all = state_.Lock()->by_id;
  for (const auto& [id, image] : all) {
    for (const image::LayerInfo& layer : image->layers) {
      Layer& known = layers[layer.chain_id];
      known.bytes = std::max(known.bytes, layer.unpacked_size);
      ++known.images;
      if (!image->repo_digests.empty()) elsewhere.insert(layer.digest);
    }
  }
  Usage usage;
  const std::vector<std::string> trees = TRY(snapshots_->ListLayers());
  for (const std::string& chain : trees) {
    const auto known = layers.find(chain);
    // Of an image that is gone, but a container stands on it.
    usage.layers += known == layers.end() ? OrZero(snapshots_->LayerSize(chain)) : known->second.bytes;
  }
  const std::vector<std::string> blobs = TRY(content_->List());
  for (const std::string& digest : blobs) {
    const std::uint64_t size = OrZero(content_->Size(digest));
    usage.blobs += size;
    if (elsewhere.contains(digest)) usage.droppable += size;
  }
  usage.blob_count = blobs.size();
  for (const auto& [id, image] : all) {
    std::uint64_t& shared = usage.shared[id];
    for (const image::LayerInfo& layer : image->layers) {
      if (layers[layer.chain_id].images > 1) shared += layer.unpacked_size;
    }
  }
  return usage;
}

Result<std::uint64_t> Images::Collect() {
  Unused unused;
  {
    const std::lock_guard change(changes_);
    unused = TRY(TakeUnusedAway());
  }
  // The trees go without the lock: large ones take long, and nobody can come to stand on them any more.
  for (const std::string& name : unused.layers) TRY(snapshots_->DeleteTakenAway(name));
  return unused.bytes;
}

Result<Images::Unused> Images::TakeUnusedAway() {
  std::set<std::string> blobs;
  std::set<std::string> chains =
      callbacks_.layers_in_use ? callbacks_.layers_in_use() : std::set<std::string>{};
  {
    auto state = state_.Lock();
    auto held = held_->Lock();
    const bool keep_blobs = !callbacks_.keep_blobs || callbacks_.keep_blobs();
    for (const auto& [id, image] : state->by_id) {
      const bool elsewhere = !keep_blobs && !image->repo_digests.empty() && !held->contains(id);
      for (std::string& blob : elsewhere ? image->Documents() : image->Blobs()) blobs.insert(std::move(blob));
      for (const image::LayerInfo& layer : image->layers) chains.insert(layer.chain_id);
    }
  }
  std::vector<std::string> old_blobs = TRY(content_->List());
  std::erase_if(old_blobs, [&](const std::string& digest) { return blobs.contains(digest); });
  std::vector<std::string> old_layers = TRY(snapshots_->ListLayers());
  std::erase_if(old_layers, [&](const std::string& chain) { return chains.contains(chain); });
  Unused unused;
  if (old_blobs.empty() && old_layers.empty()) return unused;
  // After a power failure no record may come back whose blobs have gone.
  TRY(database_->Checkpoint());
  for (const std::string& digest : old_blobs) {
    unused.bytes += OrZero(content_->Size(digest));
    TRY(content_->Delete(digest));
  }
  for (const std::string& chain : old_layers) {
    unused.bytes += OrZero(snapshots_->LayerSize(chain));
    std::string name = TRY(snapshots_->TakeLayerAway(chain));
    unused.layers.push_back(std::move(name));
  }
  return unused;
}

}  // namespace estiba::engine
