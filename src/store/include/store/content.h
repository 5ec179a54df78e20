#pragma once
// Blobs by digest: content/sha256/HEX. A blob appears by rename after its bytes were verified, so what is there is
// whole. Unfinished ones are content/ingest/LEASE-NAME: whoever owns the lease may clear them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::store {

// A blob on its way in. Dropped without Commit(), its file is deleted.
class Ingest {
 public:
  Ingest(Ingest&&) noexcept;
  Ingest& operator=(Ingest&&) noexcept;
  ~Ingest();

  Status Write(std::string_view bytes);
  std::uint64_t size() const;
  // "sha256:…" of what was written so far; nothing can be written after.
  std::string Digest();
  // Takes its place in the store, if it has this digest and size (kDataLoss if not). A blob that is already there
  // wins.
  Status Commit(const std::string& digest, std::uint64_t size);
  // The same without an expectation; answers the digest.
  Result<std::string> Commit();

 private:
  friend class ContentStore;
  struct Impl;
  explicit Ingest(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class ContentStore {
 public:
  // Makes what is missing of `path`/{sha256,ingest}.
  static Result<ContentStore> Open(const std::string& path);
  // The same below a directory that is already open.
  static Result<ContentStore> Open(os::UniqueFd directory);

  // kNotFound when there is no such blob.
  Result<os::UniqueFd> OpenBlob(const std::string& digest) const;
  Result<std::uint64_t> Size(const std::string& digest) const;
  bool Has(const std::string& digest) const;
  Result<std::string> Read(const std::string& digest, std::size_t limit = 16U << 20) const;

  // `lease` is letters, digits and '.', '_'; it names the owner of leftovers.
  Result<Ingest> CreateIngest(const std::string& lease) const;
  // Bytes in one go.
  Result<std::string> Write(const std::string& lease, std::string_view bytes) const;

  Result<std::vector<std::string>> List() const;  // digests
  Status Delete(const std::string& digest) const;
  // Deletes what an owner left half-made; an empty lease means everybody's (at start, before any transfer runs).
  Status DeleteLeftovers(const std::string& lease) const;
  int fd() const { return root_.get(); }

 private:
  ContentStore(os::UniqueFd root, os::UniqueFd blobs, os::UniqueFd ingest)
      : root_(std::move(root)), blobs_(std::move(blobs)), ingest_(std::move(ingest)) {}
  os::UniqueFd root_;
  os::UniqueFd blobs_;
  os::UniqueFd ingest_;
};

// True for a name that CreateIngest and layers accept as lease.
bool IsLease(std::string_view text);

}  // namespace estiba::store
