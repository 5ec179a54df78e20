#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/sha256.h"
#include "names.h"
#include "oci/reference.h"
#include "os/file.h"
#include "store/content.h"

namespace estiba::store {
namespace {

constexpr std::uint64_t kWriteBack = 8U << 20;

}  // namespace

struct Ingest::Impl {
  os::UniqueFd directory;  // ingest/
  os::UniqueFd blobs;      // sha256/
  std::string name;
  os::UniqueFd file;
  codec::Sha256 hash;
  std::uint64_t size = 0;
  std::uint64_t started = 0;  // on their way to the disk
  std::string digest;  // once finished
  bool placed = false;

  ~Impl() {
    // Nothing to do about a failure: the owner of the lease clears leftovers.
    if (!placed && file.valid()) ::unlinkat(directory.get(), name.c_str(), 0);
  }

  // The rename is what makes the blob exist; its bytes reach the disk before.
  Status Place() {
    const std::string hex = TRY(oci::DigestHex(digest));
    if (::fdatasync(file.get()) < 0) return Error::Errno(errno, "write blob '" + digest + "' to disk");
    if (::fchmod(file.get(), 0444) < 0) return Error::Errno(errno, "protect blob '" + digest + "'");
    if (::renameat2(directory.get(), name.c_str(), blobs.get(), hex.c_str(), RENAME_NOREPLACE) < 0) {
      const int err = errno;
      if (err == EEXIST) return Ok();  // the same bytes; ours go with this object
      return Error::Errno(err, "store blob '" + digest + "'");
    }
    placed = true;
    return Ok();
  }
};

Ingest::Ingest(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ingest::Ingest(Ingest&&) noexcept = default;
Ingest& Ingest::operator=(Ingest&&) noexcept = default;
Ingest::~Ingest() = default;

Status Ingest::Write(std::string_view bytes) {
  if (!impl_->digest.empty()) return Error(Code::kInternal, "write to a finished blob");
  TRY_CTX(os::WriteAll(impl_->file.get(), bytes), "store a blob");
  impl_->hash.Update(bytes);
  impl_->size += bytes.size();
  if (impl_->size - impl_->started < kWriteBack) return Ok();
  // The disk starts now, so that there is little to wait for at the end. Only a hint: nothing is done about a failure.
  ::sync_file_range(impl_->file.get(), static_cast<off64_t>(impl_->started),
                    static_cast<off64_t>(impl_->size - impl_->started), SYNC_FILE_RANGE_WRITE);
  impl_->started = impl_->size;
  return Ok();
}

std::uint64_t Ingest::size() const { return impl_->size; }

std::string Ingest::Digest() {
  if (impl_->digest.empty()) impl_->digest = impl_->hash.Digest();
  return impl_->digest;
}

Status Ingest::Commit(const std::string& digest, std::uint64_t size) {
  if (impl_->size != size)
    return Error(Code::kDataLoss, "blob '" + digest + "' has " + std::to_string(impl_->size) + " bytes, expected " +
                                      std::to_string(size));
  const std::string got = Digest();
  if (got != digest) return Error(Code::kDataLoss, "blob has digest '" + got + "', expected '" + digest + "'");
  return impl_->Place();
}

Result<std::string> Ingest::Commit() {
  const std::string digest = Digest();
  TRY(impl_->Place());
  return digest;
}

Result<Ingest> ContentStore::CreateIngest(const std::string& lease) const {
  auto impl = std::make_unique<Ingest::Impl>();
  impl->name = TRY(TemporaryName(lease));
  impl->directory = TRY(os::Duplicate(ingest_.get()));
  impl->blobs = TRY(os::Duplicate(blobs_.get()));
  impl->file = TRY_CTX(os::OpenAt({ingest_.get()}, impl->name, O_WRONLY | O_CREAT | O_EXCL, 0600), "store a blob");
  return Ingest(std::move(impl));
}

Result<std::string> ContentStore::Write(const std::string& lease, std::string_view bytes) const {
  Ingest ingest = TRY(CreateIngest(lease));
  TRY(ingest.Write(bytes));
  return ingest.Commit();
}

}  // namespace estiba::store
