#include "prepared.h"

#include <utility>

#include "codec/stream.h"
#include "stored_layer.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxPrepared = 256;  // each holds a descriptor

}  // namespace

bool LooksLikeLayer(std::string_view head) {
  constexpr std::size_t kMagicAt = 257;  // of ustar, pax and GNU headers
  if (head.size() > kMagicAt && head.substr(kMagicAt).starts_with("ustar")) return true;
  return codec::DetectCompression(head) != codec::Compression::kNone;
}

PreparedLayers::~PreparedLayers() {
  for (const auto& [diff_id, layer] : by_diff_id_) Delete(layer.tree);
}

// What cannot be deleted now is cleared by its lease.
void PreparedLayers::Delete(const store::Snapshots::Unfinished& tree) {
  (void)stores_.snapshots.DeleteUnfinished(tree).ok();
}

Result<PreparedLayer> PreparedLayers::Unpack(const LayerInput& input, std::string* diff_id) {
  PreparedLayer layer;
  layer.tree = TRY(stores_.snapshots.CreateUnfinished(job_.lease, FormOfNew(job_.erofs)));
  layer.to = MakeDestination(layer.tree, job_.user_xattrs);
  auto unpacked = RunLayer(*layer.to, input, diff_id);
  Status finished = Ok();
  if (unpacked.ok() && !unpacked->NeedsSettling()) {
    finished = layer.to->Finish(*diff_id);
    layer.to.reset();
  }
  if (!unpacked.ok() || !finished.ok()) {
    Delete(layer.tree);
    return unpacked.ok() ? std::move(finished).error() : std::move(unpacked).error();
  }
  layer.unpacked = std::move(*unpacked);
  return layer;
}

Status PreparedLayers::Pass(std::uint64_t size, const Fetch& fetch, const std::function<std::string()>& sent_digest) {
  if (by_diff_id_.size() >= kMaxPrepared) return fetch([](std::string_view) { return Ok(); });
  Status fetched = Ok();
  bool sent = false;
  LayerInput input;
  input.blob_size = size;
  input.sent_digest = sent_digest;
  input.fetch = [&](const codec::ByteSink& sink) -> Status {
    Status passed = Ok();
    sent = true;
    fetched = fetch([&](std::string_view bytes) -> Status {
      if (passed.ok()) passed = sink(bytes);
      return Ok();
    });
    return fetched.ok() ? std::move(passed) : Status(fetched.error().Clone());
  };
  std::string diff_id;
  auto layer = Unpack(input, &diff_id);
  if (!sent) return std::move(layer).error();  // there was no place for it
  if (!fetched.ok() || !layer.ok()) return fetched;
  const std::lock_guard lock(mutex_);
  if (by_diff_id_.contains(diff_id)) {
    Delete(layer->tree);
  } else {
    by_diff_id_.emplace(diff_id, std::move(*layer));
  }
  return Ok();
}

std::optional<PreparedLayer> PreparedLayers::Take(const std::string& diff_id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_diff_id_.find(diff_id);
  if (found == by_diff_id_.end()) return std::nullopt;
  PreparedLayer layer = std::move(found->second);
  by_diff_id_.erase(found);
  return layer;
}

}  // namespace estiba::image
