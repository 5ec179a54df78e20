#pragma once
// One layer's way: fetched, hashed, stored, inflated, hashed again and unpacked, as its bytes come.

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "codec/stream.h"
#include "image/unpack.h"
#include "oci/image.h"

namespace estiba::image {

// Sends all bytes of a blob to the sink, once, in order.
using Fetch = std::function<Status(const codec::ByteSink&)>;

struct LayerInput {
  Fetch fetch;                  // hashing and storing the blob is its business
  std::uint64_t blob_size = 0;  // what was promised: bounds the unpacked size
  std::string diff_id;          // what the tar must have; empty: any
  // The digest of what `fetch` sent, where it knows (asked after it): a layer that is not compressed is then hashed
  // once.
  std::function<std::string()> sent_digest;
  std::function<void()> fetched;  // called when the last byte is in, while unpacking goes on
};

// Unpacks into `to`; kDataLoss when the tar does not have the diff id. The first cause of a failure is what is
// reported, whichever thread saw it. `diff_id`, if given, is set to the tar's.
Result<Unpacked> RunLayer(Destination& to, const LayerInput& input, std::string* diff_id = nullptr);

}  // namespace estiba::image
