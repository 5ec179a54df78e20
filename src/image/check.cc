#include "check.h"

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "codec/sha256.h"
#include "compare.h"
#include "layer.h"
#include "stored_blob.h"
#include "stored_layer.h"

namespace estiba::image {
namespace {

class Checker {
 public:
  Checker(const TransferJob& job, const Stores& stores, Reporter& reporter)
      : job_(job), stores_(stores), reporter_(reporter) {}

  Status Run() {
    for (const CheckItem& item : job_.checks) {
      for (const std::string& digest : item.blobs) TRY(CheckBlob(digest));
      for (const LayerInfo& layer : item.layers) {
        if (!layer.digest.empty()) TRY(CheckBlob(layer.digest));
      }
    }
    for (const CheckItem& item : job_.checks) {
      for (std::size_t i = 0; i < item.layers.size(); ++i) TRY(CheckLayer(item, i));
    }
    return Ok();
  }

 private:
  void Find(const std::string& kind, const std::string& id, const std::string& what) {
    reporter_.Finding(kind, id, what);
  }

  Status CheckBlob(const std::string& digest) {
    if (sound_blobs_.contains(digest)) return Ok();
    sound_blobs_[digest] = false;
    if (!stores_.content.Has(digest)) {
      Find("blob", digest, "is missing");
      return Ok();
    }
    Counter counter(reporter_, ShortId(digest), "Checking", TRY(stores_.content.Size(digest)));
    codec::Sha256 hash;
    const Status read = SendBlob(stores_.content, digest, [&](std::string_view bytes) {
      hash.Update(bytes);
      counter.Add(bytes.size());
      return Ok();
    });
    if (!read.ok()) {
      Find("blob", digest, "cannot be read: " + read.error().Message());
      return Ok();
    }
    const std::string got = hash.Digest();
    sound_blobs_[digest] = got == digest;
    if (got != digest) Find("blob", digest, "has other content: its digest is '" + got + "'");
    return Ok();
  }

  bool IsSound(const std::string& chain_id) const {
    const auto known = sound_layers_.find(chain_id);
    return known != sound_layers_.end() && known->second;
  }

  Status CheckLayer(const CheckItem& item, std::size_t index) {
    const LayerInfo& layer = item.layers[index];
    if (sound_layers_.contains(layer.chain_id)) return Ok();
    bool& sound = sound_layers_[layer.chain_id];
    sound = false;
    if (!stores_.snapshots.HasLayer(layer.chain_id)) {
      Find("layer", layer.chain_id, "is missing");
      return Ok();
    }
    const auto blob = sound_blobs_.find(layer.digest);
    const bool lowest = index == 0;
    // Without these there is nothing to compare it with; what is wrong with them has been told.
    if (blob == sound_blobs_.end() || !blob->second || (!lowest && !IsSound(item.layers[index - 1].chain_id))) {
      reporter_.Say(ShortId(layer.chain_id), "Not compared: what it is made of is not kept, or broken");
      return Ok();
    }
    reporter_.Say(ShortId(layer.chain_id), "Comparing");
    const store::Snapshots::Form form = TRY(stores_.snapshots.FormOf(layer.chain_id));
    const store::Snapshots::Unfinished fresh = TRY(stores_.snapshots.CreateUnfinished(job_.lease, form));
    const auto difference = CompareWithFresh(item, index, fresh);
    TRY(stores_.snapshots.DeleteUnfinished(fresh));
    if (!difference.ok()) return difference.error().Clone();
    sound = !difference->has_value();
    if (difference->has_value())
      Find("layer", layer.chain_id, "'/" + (*difference)->path + "' " + (*difference)->what);
    return Ok();
  }

  Result<std::optional<Difference>> CompareWithFresh(const CheckItem& item, std::size_t index,
                                                     const store::Snapshots::Unfinished& fresh) {
    const Unpacked unpacked = TRY(UnpackAgain(item, index, fresh));
    const store::Snapshots::Layer there = TRY(stores_.snapshots.OpenLayer(item.layers[index].chain_id));
    if (there.form == store::Snapshots::Form::kErofs) return CompareImages(fresh.fd.get(), there.fd.get());
    const std::set<std::string> timeless(unpacked.implied.begin(), unpacked.implied.end());
    return CompareTrees({fresh.fd.get()}, {there.fd.get()}, timeless);
  }

  Result<Unpacked> UnpackAgain(const CheckItem& item, std::size_t index, const store::Snapshots::Unfinished& fresh) {
    const LayerInfo& layer = item.layers[index];
    const auto to = MakeDestination(fresh, job_.user_xattrs);
    LayerInput input;
    input.blob_size = TRY(stores_.content.Size(layer.digest));
    input.diff_id = layer.diff_id;
    input.fetch = [&](const codec::ByteSink& sink) { return SendBlob(stores_.content, layer.digest, sink); };
    Unpacked unpacked = TRY_CTX(RunLayer(*to, input), "layer '" + layer.digest + "'");
    if (unpacked.NeedsSettling()) TRY(Settle(item, index, *to, unpacked));
    TRY(to->Finish(layer.diff_id));
    return unpacked;
  }

  Status Settle(const CheckItem& item, std::size_t index, Destination& to, const Unpacked& unpacked) {
    std::vector<store::Snapshots::Layer> held;
    std::vector<std::unique_ptr<Lower>> lowers;
    std::vector<const Lower*> topmost_first;
    for (std::size_t i = index; i-- > 0;) {
      store::Snapshots::Layer lower = TRY(stores_.snapshots.OpenLayer(item.layers[i].chain_id));
      lowers.push_back(TRY(MakeLower(lower.fd.get(), lower.form)));
      topmost_first.push_back(lowers.back().get());
      held.push_back(std::move(lower));
    }
    TRY(SettleLayer(to, topmost_first, unpacked));
    return Ok();
  }

  const TransferJob& job_;
  const Stores& stores_;
  Reporter& reporter_;
  std::map<std::string, bool> sound_blobs_;   // digest → whether it is
  std::map<std::string, bool> sound_layers_;  // chain id → whether it is
};

}  // namespace

Status Check(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  return Checker(job, stores, reporter).Run();
}

}  // namespace estiba::image
