#pragma once
// A blob of one registry as what is pushed to another: read while it comes, kept nowhere.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "codec/sha256.h"
#include "oci/image.h"
#include "pipe.h"
#include "registry/client.h"

namespace estiba::image {

class BlobStream {
 public:
  // All that is borrowed outlives it.
  BlobStream(PiecePool& pool, registry::Client& from, const std::string& repository, const oci::Descriptor& blob)
      : pool_(pool), from_(from), repository_(repository), blob_(blob) {}
  BlobStream(const BlobStream&) = delete;
  BlobStream& operator=(const BlobStream&) = delete;
  ~BlobStream() { End(); }

  // BlobPush::read: going back fetches again from there. The last byte is given only when all have the blob's digest.
  Result<std::size_t> Read(std::uint64_t at, char* out, std::size_t room);
  // What went wrong with the blob itself or its registry: Read() has answered kAborted then.
  std::optional<Error>& failure() { return failure_; }

 private:
  void Begin(std::uint64_t at);
  void End();
  Error Fail(Error error);
  // What is seen for the first time; bytes that are fetched again were hashed already.
  Status Check(std::uint64_t at, std::string_view bytes);

  PiecePool& pool_;
  registry::Client& from_;
  const std::string& repository_;
  const oci::Descriptor& blob_;
  std::unique_ptr<BytePipe> pipe_;  // while it comes
  std::thread fetcher_;
  std::atomic<bool> stop_{false};
  std::string_view piece_;   // of the pipe, what is left of it
  std::uint64_t next_ = 0;   // the byte that the pipe gives next
  codec::Sha256 hash_;
  std::uint64_t hashed_ = 0;
  std::optional<Error> failure_;
};

}  // namespace estiba::image
