// Is what is on disk still what it was, and making it so again.

#include <algorithm>

#include "apitypes/image.h"
#include "base/rollback.h"
#include "engine_impl.h"
#include "pull_sources.h"

namespace estiba::engine {
namespace {

using image::TransferEvent;

std::string LineOf(const std::string& id, const std::string& status) {
  apitypes::Progress progress;
  progress.id = id;
  progress.status = status;
  return progress.ToJson().Dump() + "\r\n";
}

void Say(const ProgressCallbacks& callbacks, const std::string& text) { callbacks.line(LineOf("", text)); }

bool IsBroken(const std::vector<TransferEvent>& broken, const char* kind, const std::string& id) {
  return std::ranges::any_of(broken, [&](const TransferEvent& one) { return one.status == kind && one.id == id; });
}

bool Concerns(const std::vector<TransferEvent>& broken, const ImageRecord& image) {
  const auto blobs = image.Blobs();
  return std::ranges::any_of(blobs, [&](const std::string& blob) { return IsBroken(broken, "blob", blob); }) ||
         std::ranges::any_of(image.layers, [&](const image::LayerInfo& layer) {
           return IsBroken(broken, "layer", layer.chain_id);
         });
}

// `missing`: blobs that are not kept.
image::CheckItem ItemFor(const ImageRecord& image, const std::vector<std::string>& missing) {
  image::CheckItem item;
  item.blobs = image.Documents();
  item.layers = image.layers;
  for (image::LayerInfo& layer : item.layers) {
    if (std::ranges::find(missing, layer.digest) != missing.end()) layer.digest.clear();
  }
  return item;
}

}  // namespace

Status EngineImpl::CheckStore(bool repair, ProgressCallbacks callbacks) {
  if (checking_.exchange(true)) return Error(Code::kConflict, "the store is being checked already");
  const bool queued = workers_->Submit([this, repair, callbacks] {
    Status done = RunCheck(repair, callbacks);
    checking_ = false;
    callbacks.done(std::move(done));
  });
  if (queued) return Ok();
  checking_ = false;
  return Error(Code::kUnavailable, "the engine is stopping");
}

Status EngineImpl::RunCheck(bool repair, const ProgressCallbacks& callbacks) {
  const std::vector<TransferEvent> broken = TRY(FindBroken(callbacks));
  const std::string images = std::to_string(images_->count()) + " images";
  if (broken.empty()) {
    Say(callbacks, images + " checked: every blob has its digest, every layer is what it was made of");
    return Ok();
  }
  std::size_t left = broken.size();
  if (repair) left = TRY(Repair(broken, callbacks));
  if (left > 0)
    return Error(Code::kDataLoss, images + " checked: " + std::to_string(left) + " of " +
                                      std::to_string(broken.size()) + " problems left")
        .Hint(repair ? "see the lines above" : "'estiba store check --repair' makes good what can be");
  Say(callbacks, images + " checked: " + std::to_string(broken.size()) + " problems found and repaired");
  return Ok();
}

Result<std::vector<TransferEvent>> EngineImpl::FindBroken(const ProgressCallbacks& callbacks) {
  image::TransferJob job;
  job.kind = image::JobKind::kCheck;
  job.user_xattrs = config()->rootless;
  for (const ImagePtr& image : images_->All()) {
    const bool dropped = !config()->images.keep_blobs && !image->repo_digests.empty();
    job.checks.push_back(ItemFor(*image, dropped ? images_->MissingBlobs(*image) : std::vector<std::string>{}));
  }
  Guarded<std::vector<TransferEvent>> broken;
  const auto keep = [&](const TransferEvent& event) {
    callbacks.line(LineOf("", event.status + " '" + event.id + "' " + event.message));
    broken.Lock()->push_back(event);
  };
  TRY(transfers_->RunAndWait("", std::move(job), {}, keep, callbacks.line));
  return *broken.Lock();
}

Result<std::size_t> EngineImpl::Repair(const std::vector<TransferEvent>& broken,
                                       const ProgressCallbacks& callbacks) {
  std::set<std::string> layers;
  for (const TransferEvent& one : broken) {
    if (one.status == "layer") layers.insert(one.id);
  }
  Rollback release;
  const auto busy = containers_->HoldStarts(layers, release);
  std::vector<std::string> away;
  std::optional<Error> failure;
  const auto take_away = [&]() -> Status {
    for (const TransferEvent& one : broken) {
      if (const auto user = busy.find(one.id); user != busy.end()) {
        Say(callbacks, "layer '" + one.id + "' is not repaired while container '" + user->second + "' runs on it");
      } else if (one.status == "layer") {
        away.push_back(TRY(snapshots_->TakeLayerAway(one.id)));
      } else if (content_->Has(one.id)) {
        TRY(content_->Delete(one.id));
      }
    }
    return Ok();
  };
  const bool idle = transfers_->WhenIdle([&] {
    Status taken = take_away();
    if (!taken.ok()) failure.emplace(std::move(taken).error());
  });
  if (!idle) return Error(Code::kConflict, "a repair cannot begin while images are pulled, loaded or saved");
  if (failure) return std::move(*failure);
  for (const std::string& name : away) TRY(snapshots_->DeleteTakenAway(name));
  for (const ImagePtr& image : images_->All()) {
    if (!Concerns(broken, *image)) continue;
    const Status restored = RestoreImage(*image, callbacks);
    if (!restored.ok()) Say(callbacks, "image '" + image->id + "': " + restored.error().ToString());
  }
  return static_cast<std::size_t>(std::ranges::count_if(broken, [&](const TransferEvent& one) {
    if (one.status == "blob") return !content_->Has(one.id);
    return busy.contains(one.id) || !snapshots_->HasLayer(one.id);
  }));
}

Result<image::TransferJob> EngineImpl::FetchJob(const std::string& reference) const {
  image::TransferJob job;
  job.kind = image::JobKind::kRestore;
  const auto now = config();
  job.user_xattrs = now->rootless;
  job.erofs = now->LayersAreImages();
  job.insecure_registries = now->insecure_registries;
  job.stall_timeout = static_cast<unsigned>(now->stall_timeout);
  job.parallel_ranges = static_cast<unsigned>(now->parallel_ranges);
  if (reference.empty()) return job;
  job.reference = reference;
  const oci::Reference parsed = TRY(oci::ParseReference(reference));
  job.sources = TRY(SourcesOf(parsed, *now));
  return job;
}

// What is kept for an index whose digest a registry has: the images for other platforms.
bool EngineImpl::KeepsAll(const ImageRecord& image) const {
  return std::ranges::all_of(image.kept, [&](const std::string& blob) { return content_->Has(blob); });
}

// From its blobs; else from each registry that it is known to have come from.
Status EngineImpl::RestoreImage(const ImageRecord& image, const ProgressCallbacks& callbacks) {
  std::vector<std::string> references;
  for (const std::string& digest : image.repo_digests)
    references.push_back(digest.substr(0, digest.find('@')) + "@" + image.manifest_digest);
  if (references.empty()) references.emplace_back();
  Status last = Ok();
  for (const std::string& reference : references) {
    image::TransferJob job = TRY(FetchJob(reference));
    job.images.push_back({image.manifest_digest, {}});
    last = transfers_->RunAndWait("", std::move(job), {}, {}, callbacks.line);
    if (last.ok()) break;
  }
  TRY(std::move(last));
  const oci::ImageConfig config = TRY(images_->Config(image));
  for (const std::string& reference : image.repo_digests) {
    const std::string digest = reference.substr(reference.find('@') + 1);
    const bool whole = std::ranges::find(image.indexes, digest) != image.indexes.end();
    if (content_->Has(digest) && (!whole || KeepsAll(image))) continue;
    image::TransferJob job = TRY(FetchJob(reference));
    job.platform = config.platform;  // the one of the index's
    job.all_platforms = whole;
    job.images.push_back({digest, {}});
    TRY(transfers_->RunAndWait("", std::move(job), {}, {}, callbacks.line));
  }
  if (KeepsAll(image)) return Ok();
  return Error(Code::kNotFound, "what is kept for its index is lost, and no registry is known to have it")
      .Hint("load it again from an archive, or remove it");
}

}  // namespace estiba::engine
