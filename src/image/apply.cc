#include "apply.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "bring.h"
#include "codec/sha256.h"
#include "layer.h"
#include "limit.h"
#include "stored_blob.h"
#include "stored_layer.h"

namespace estiba::image {
namespace {

constexpr unsigned kMaxParallel = 16;

struct Work {
  oci::Descriptor blob;
  std::string diff_id;
  std::string chain_id;
  bool blob_there = false;
  bool tree_there = false;
  bool told = false;                   // that it waits for another transfer
  bool taken = false;                  // by a worker
  bool done = false;                   // unpacked, or there
  std::optional<store::Claim> claim;   // until its tree has its place
  std::optional<store::Snapshots::Unfinished> tree;
  std::unique_ptr<Destination> to;  // until the tree is whole
  Unpacked unpacked;

  std::string id() const { return ShortId(blob.digest); }
  std::string Name() const { return "layer '" + blob.digest + "'"; }
};

class Applier {
 public:
  Applier(const Stores& stores, const FetchBlob& fetch, const ApplyOptions& options, Reporter& reporter,
          std::atomic<bool>& stop)
      : stores_(stores), fetch_(fetch), options_(options), reporter_(reporter), stop_(stop) {}
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;
  ~Applier() {
    for (const Work& work : work_) {
      // What cannot be deleted now is cleared by its lease.
      if (work.tree) (void)stores_.snapshots.DeleteUnfinished(*work.tree).ok();
    }
  }

  Result<Applied> Run(const std::vector<oci::Descriptor>& blobs, const std::vector<std::string>& diff_ids) {
    TRY(Plan(blobs, diff_ids));
    TRY(RunAll());
    return Report();
  }

 private:
  Status Plan(const std::vector<oci::Descriptor>& blobs, const std::vector<std::string>& diff_ids) {
    const std::vector<std::string> chain_ids = ChainIds(diff_ids);
    work_.resize(blobs.size());
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      Work& work = work_[i];
      work.blob = blobs[i];
      work.diff_id = diff_ids[i];
      work.chain_id = chain_ids[i];
      work.tree_there = stores_.snapshots.HasLayer(chain_ids[i]);
      work.blob_there = stores_.content.Has(blobs[i].digest);
      if (work.blob_there) TRY(CheckSize(work));
      if (work.tree_there && !options_.keep_blobs) work.blob_there = true;  // nobody will ask for it
      nothing_new_ = nothing_new_ && work.blob_there && work.tree_there;
      const bool all_there = work.blob_there && work.tree_there;
      if (options_.pull_words) reporter_.Say(work.id(), all_there ? "Already exists" : "Pulling fs layer");
    }
    return Ok();
  }

  // A size that is too large would raise the limit of what the layer may unpack to.
  Status CheckSize(const Work& work) {
    const std::uint64_t size = TRY(stores_.content.Size(work.blob.digest));
    if (size == work.blob.size) return Ok();
    return Error(Code::kDataLoss, work.Name() + " has " + std::to_string(size) + " bytes, its manifest says " +
                                      std::to_string(work.blob.size));
  }

  // A fixed number of workers takes layers in turn; the first failure is the one reported.
  Status RunAll() {
    std::size_t todo = 0;
    for (Work& work : work_) {
      work.taken = work.done = work.blob_there && work.tree_there;
      if (work.done) continue;
      if (++todo > Workers() && options_.pull_words) reporter_.Say(work.id(), "Waiting");
    }
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < std::min(todo, Workers()); ++i) threads.emplace_back([this] { RunWorker(); });
    RunWorker();
    for (std::thread& thread : threads) thread.join();
    if (failure_) return std::move(*failure_);
    return Ok();
  }
  std::size_t Workers() const { return std::clamp(options_.parallel, 1U, kMaxParallel); }

  void RunWorker() {
    while (true) {
      auto next = Next();
      if (!next.ok()) return Fail(std::move(next).error());
      if (*next == nullptr) return;
      Work& work = **next;
      Status status = RunOne(work);
      if (!status.ok()) return Fail(std::move(status).error().Context(work.Name()));
      status = CommitReady(work);
      if (!status.ok()) return Fail(std::move(status).error());
    }
  }

  void Fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(error);
    stop_.store(true);
  }

  // The lowest layer that no other transfer is unpacking; waits while there are only such. Null when none is left. Any
  // order will do: who has claimed a layer waits for layers below it alone.
  Result<Work*> Next() {
    while (!stop_.load()) {
      bool waiting = false;
      {
        const std::lock_guard lock(mutex_);
        for (Work& work : work_) {
          if (work.taken) continue;
          work.taken = TRY_CTX(ClaimTree(work), work.Name());
          if (work.taken) return &work;
          waiting = true;
        }
      }
      if (!waiting) return nullptr;
      std::this_thread::sleep_for(kClaimPoll);
    }
    return nullptr;
  }

  Result<bool> ClaimTree(Work& work) {
    if (work.tree_there) return true;
    work.claim = TRY(store::TryClaim({stores_.content.fd()}, "layer " + work.chain_id));
    if (!work.claim) {
      if (!std::exchange(work.told, true)) SayWaiting(work);
      return false;
    }
    // Looked at with the claim in hand: whoever had it may just have given the layer its place.
    work.tree_there = stores_.snapshots.HasLayer(work.chain_id);
    if (work.tree_there) work.claim.reset();
    return true;
  }
  void SayWaiting(const Work& work) {
    if (options_.pull_words) reporter_.Say(work.id(), "Waiting");
  }

  Status RunOne(Work& work) {
    Fetch fetch = [this, &work](const codec::ByteSink& sink) { return Bring(work, sink); };
    if (work.tree_there) {
      if (!work.blob_there) TRY(fetch([](std::string_view) { return Ok(); }));
      if (options_.pull_words) reporter_.Say(work.id(), "Pull complete");
      return Ok();
    }
    if (Adopt(work)) return Ok();
    TRY(Begin(work));
    LayerInput input;
    input.fetch = std::move(fetch);
    input.blob_size = work.blob.size;
    input.diff_id = work.diff_id;
    input.fetched = [this, &work] {
      if (options_.pull_words) reporter_.Say(work.id(), "Extracting", work.blob.size, work.blob.size);
    };
    work.unpacked = TRY(RunLayer(*work.to, input));
    if (!work.unpacked.NeedsSettling()) TRY(Finish(work));
    if (options_.pull_words) reporter_.Say(work.id(), "Pull complete");
    return Ok();
  }

  // A tree that was unpacked while its archive was read.
  bool Adopt(Work& work) {
    std::optional<PreparedLayer> ready;
    if (options_.prepared != nullptr && work.blob_there) ready = options_.prepared->Take(work.diff_id);
    if (!ready) return false;
    work.tree = std::move(ready->tree);
    work.to = std::move(ready->to);
    work.unpacked = std::move(ready->unpacked);
    reporter_.Say(work.id(), options_.fetching, work.blob.size, work.blob.size);
    return true;
  }

  Status Begin(Work& work) const {
    work.tree = TRY(stores_.snapshots.CreateUnfinished(options_.lease, FormOfNew(options_.erofs)));
    work.to = MakeDestination(*work.tree, options_.user_xattrs);
    return Ok();
  }

  static Status Finish(Work& work) {
    TRY(work.to->Finish(work.diff_id));
    work.to.reset();
    return Ok();
  }

  // The blob's bytes to the sink, and into the content store when they are not there.
  Status Bring(Work& work, const codec::ByteSink& sink) {
    Counter counter(reporter_, work.id(), options_.fetching, work.blob.size);
    std::optional<store::Claim> claim;
    if (!work.blob_there) {
      claim = TRY(ClaimBlob(stores_.content, work.blob.digest, stop_, [this, &work] { SayWaiting(work); }));
      if (!claim) TRY(CheckSize(work));
      work.blob_there = !claim;
      if (work.blob_there && work.tree_there) return Ok();
    }
    if (work.blob_there) {
      const bool tell = !options_.pull_words;
      return SendBlob(stores_.content, work.blob.digest, [&](std::string_view bytes) -> Status {
        if (stop_.load()) return Error(Code::kCancelled, "the transfer was stopped");
        if (tell) counter.Add(bytes.size());
        return sink(bytes);
      });
    }
    store::Ingest ingest = TRY(stores_.content.CreateIngest(options_.lease));
    const codec::ByteSink store_and_pass = [&](std::string_view bytes) -> Status {
      if (stop_.load()) return Error(Code::kCancelled, "the transfer was stopped");
      TRY(ingest.Write(bytes));
      counter.Add(bytes.size());
      return sink(bytes);
    };
    TRY(fetch_(work.blob, store_and_pass));
    if (options_.pull_words) reporter_.Say(work.id(), "Verifying Checksum");
    TRY(ingest.Commit(work.blob.digest, work.blob.size));
    if (options_.pull_words) reporter_.Say(work.id(), "Download complete");
    return Ok();
  }

  // Gives the layers that are whole their places, lowest first: one that needs those below finds them at theirs. One
  // worker at a time does so, for all that have become ready; others go on.
  Status CommitReady(Work& finished) {
    {
      const std::lock_guard lock(mutex_);
      finished.done = true;
      if (std::exchange(committing_, true)) return Ok();
    }
    while (true) {
      std::size_t end = committed_;
      {
        const std::lock_guard lock(mutex_);
        while (end < work_.size() && work_[end].done) ++end;
        if (end == committed_) {
          committing_ = false;
          return Ok();
        }
      }
      TRY(Commit(committed_, end));
      committed_ = end;
    }
  }

  Status Commit(std::size_t begin, std::size_t end) {
    bool any = false;
    for (std::size_t i = begin; i < end; ++i) {
      Work& work = work_[i];
      any = any || work.tree;
      if (!work.to) continue;
      TRY_CTX(Settle(i), work.Name());
      TRY_CTX(Finish(work), work.Name());
    }
    if (!any) return Ok();
    TRY(stores_.snapshots.Sync());
    for (std::size_t i = begin; i < end; ++i) {
      Work& work = work_[i];
      if (!work.tree) continue;
      TRY_CTX(stores_.snapshots.CommitLayer(*work.tree, work.chain_id), work.Name());
      work.tree.reset();
      work.claim.reset();
    }
    return Ok();
  }

  Status Settle(std::size_t index) {
    std::vector<store::Snapshots::Layer> held;
    std::vector<std::unique_ptr<Lower>> owned;
    std::vector<const Lower*> lowers;
    for (std::size_t i = index; i-- > 0;) {
      const Work& below = work_[i];
      if (!below.tree) {
        store::Snapshots::Layer lower = TRY_CTX(stores_.snapshots.OpenLayer(below.chain_id), "open a lower layer");
        held.push_back(std::move(lower));
      }
      const int fd = below.tree ? below.tree->fd.get() : held.back().fd.get();
      const auto form = below.tree ? below.tree->form : held.back().form;
      owned.push_back(TRY_CTX(MakeLower(fd, form), below.Name()));
      lowers.push_back(owned.back().get());
    }
    Work& work = work_[index];
    const std::uint64_t limit = UnpackedLimit(work.blob.size);
    const std::uint64_t left = limit - std::min(limit, work.unpacked.bytes);
    work.unpacked.bytes +=
        TRY(SettleLayer(*work.to, lowers, work.unpacked, left));
    return Ok();
  }

  Result<Applied> Report() {
    Applied out;
    out.nothing_new = nothing_new_;
    for (const Work& work : work_) {
      LayerInfo& layer = out.layers.emplace_back();
      layer.digest = work.blob.digest;
      layer.diff_id = work.diff_id;
      layer.chain_id = work.chain_id;
      layer.size = work.blob.size;
      layer.unpacked_size = work.unpacked.bytes;
      if (work.tree_there) layer.unpacked_size = TRY(stores_.snapshots.LayerSize(work.chain_id));
      out.size += layer.unpacked_size;
    }
    return out;
  }

  const Stores& stores_;
  const FetchBlob& fetch_;
  const ApplyOptions& options_;
  Reporter& reporter_;
  std::atomic<bool>& stop_;
  std::vector<Work> work_;
  bool nothing_new_ = true;
  std::mutex mutex_;  // of what follows, and who takes and who has done which layer
  std::optional<Error> failure_;
  bool committing_ = false;
  std::size_t committed_ = 0;  // the committing worker's
};

}  // namespace

std::vector<std::string> ChainIds(const std::vector<std::string>& diff_ids) {
  std::vector<std::string> out;
  for (const std::string& diff_id : diff_ids)
    out.push_back(out.empty() ? diff_id : codec::DigestOf(out.back() + " " + diff_id));
  return out;
}

Result<Applied> ApplyLayers(const Stores& stores, const std::vector<oci::Descriptor>& blobs,
                            const std::vector<std::string>& diff_ids, const FetchBlob& fetch,
                            const ApplyOptions& options, Reporter& reporter, std::atomic<bool>& stop) {
  if (blobs.size() != diff_ids.size())
    return Error(Code::kInvalidArgument, "the image has " + std::to_string(blobs.size()) +
                                             " layers, its config names " + std::to_string(diff_ids.size()));
  return Applier(stores, fetch, options, reporter, stop).Run(blobs, diff_ids);
}

}  // namespace estiba::image
