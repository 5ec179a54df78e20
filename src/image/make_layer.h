#pragma once
// A new layer from its tar, into both stores in one pass: hashed, compressed, hashed again, and unpacked as it comes.

#include <functional>
#include <string>

#include "codec/stream.h"
#include "image/work.h"

namespace estiba::image {

// Sends the layer's tar to the sink, once, in order.
using SendTar = std::function<Status(const codec::ByteSink&)>;

struct MakeLayerOptions {
  std::string lease;
  bool user_xattrs = false;
  bool erofs = false;  // the layer becomes an EROFS image
};

// A layer whose blob is in the content store and whose tree is not in its place yet.
struct MadeLayer {
  std::string digest;
  std::uint64_t size = 0;
  std::string diff_id;
  store::Snapshots::Unfinished tree;
  std::uint64_t unpacked_size = 0;
};

// kResourceExhausted for a layer that compresses so well that none of our own would unpack it (see limit.h).
Result<MadeLayer> MakeLayer(const Stores& stores, const SendTar& send, const MakeLayerOptions& options);

}  // namespace estiba::image
