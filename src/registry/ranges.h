#pragma once
// One blob by several requests at once: over a link with much latency a single connection does not fill it.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "codec/stream.h"
#include "curl.h"
#include "oci/image.h"
#include "registry/client.h"

namespace estiba::registry {

// How a blob's registry is asked.
struct RangeSource {
  const ClientOptions& options;
  std::string path;                                  // "/v2/…/blobs/sha256:…"
  std::function<Result<Response>(Request)> send;     // called from several threads
  std::function<Status(unsigned failures)> wait;     // before the next attempt
};

// Worth it for a blob of this size.
bool IsForRanges(const ClientOptions& options, std::uint64_t size);

// Sends a blob's bytes to the sink in order, from many ranges of it, as far as the registry goes along: `received` says
// how far, the rest is for one request. Only the sink's failures and kCancelled are answered.
Status GetRanges(const RangeSource& source, std::uint64_t size, const codec::ByteSink& sink, std::uint64_t* received);

}  // namespace estiba::registry
