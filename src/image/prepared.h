#pragma once
// Layers of an archive, unpacked while they stream past, before the archive says whose they are: most name their images
// at their end.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "image/destination.h"
#include "image/unpack.h"
#include "image/work.h"
#include "layer.h"

namespace estiba::image {

struct PreparedLayer {
  store::Snapshots::Unfinished tree;
  std::unique_ptr<Destination> to;  // while it needs settling
  Unpacked unpacked;
};

// Whether a file that begins so may be a layer.
bool LooksLikeLayer(std::string_view head);

class PreparedLayers {
 public:
  PreparedLayers(const Stores& stores, const TransferJob& job) : stores_(stores), job_(job) {}
  PreparedLayers(const PreparedLayers&) = delete;
  PreparedLayers& operator=(const PreparedLayers&) = delete;
  // Deletes those nobody took.
  ~PreparedLayers();

  // Lets `fetch` send a file's bytes, and unpacks them on the way. What turns out to be no good layer is dropped
  // without a word: if an image names it, unpacking it from its blob says why. The failure of `fetch` is the answer.
  Status Pass(std::uint64_t size, const Fetch& fetch, const std::function<std::string()>& sent_digest);
  // By diff id; each once. Thread-safe.
  std::optional<PreparedLayer> Take(const std::string& diff_id);

 private:
  Result<PreparedLayer> Unpack(const LayerInput& input, std::string* diff_id);
  void Delete(const store::Snapshots::Unfinished& tree);

  const Stores& stores_;
  const TransferJob& job_;
  std::mutex mutex_;
  std::map<std::string, PreparedLayer> by_diff_id_;
};

}  // namespace estiba::image
