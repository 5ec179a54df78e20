#include "bring.h"

#include <thread>

namespace estiba::image {

Result<std::optional<store::Claim>> ClaimBlob(const store::ContentStore& content, const std::string& digest,
                                              const std::atomic<bool>& stop, const std::function<void()>& waiting) {
  for (bool told = false; !stop.load(); told = true) {
    std::optional<store::Claim> claim = TRY(store::TryClaim({content.fd()}, "blob " + digest));
    // Looked at with the claim in hand: whoever had it may just have brought the blob.
    if (claim && content.Has(digest)) return std::optional<store::Claim>();
    if (claim) return claim;
    if (!told) waiting();
    std::this_thread::sleep_for(kClaimPoll);
  }
  return Error(Code::kCancelled, "the transfer was stopped");
}

Status BringBlob(const store::ContentStore& content, const std::string& lease, const oci::Descriptor& blob,
                 const std::function<Status(const codec::ByteSink&)>& fetch, const std::atomic<bool>& stop) {
  const std::optional<store::Claim> claim = TRY(ClaimBlob(content, blob.digest, stop, [] {}));
  if (!claim) return Ok();
  store::Ingest ingest = TRY(content.CreateIngest(lease));
  TRY(fetch([&ingest](std::string_view bytes) { return ingest.Write(bytes); }));
  return ingest.Commit(blob.digest, blob.size);
}

}  // namespace estiba::image
