#pragma once
// A blob into the content store by one of all transfers that want it.

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "codec/stream.h"
#include "oci/image.h"
#include "store/claim.h"
#include "store/content.h"

namespace estiba::image {

// How often one that waits for another transfer looks again.
inline constexpr std::chrono::milliseconds kClaimPoll{20};

// Answers when the blob is ours to bring, or nothing when it is there. While another transfer brings it, `waiting` is
// called once; kCancelled when `stop` is set.
Result<std::optional<store::Claim>> ClaimBlob(const store::ContentStore& content, const std::string& digest,
                                              const std::atomic<bool>& stop, const std::function<void()>& waiting);

// A blob into the content store as it is, unless it is there; nothing is unpacked. `fetch` sends its bytes.
Status BringBlob(const store::ContentStore& content, const std::string& lease, const oci::Descriptor& blob,
                 const std::function<Status(const codec::ByteSink&)>& fetch, const std::atomic<bool>& stop);

}  // namespace estiba::image
