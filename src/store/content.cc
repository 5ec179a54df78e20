#include "store/content.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/text.h"
#include "names.h"
#include "oci/reference.h"
#include "os/file.h"

namespace estiba::store {

bool IsLease(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
  }) && text.front() != '.';
}

Result<std::string> TemporaryName(const std::string& lease) {
  if (!IsLease(lease)) return Error(Code::kInvalidArgument, "'" + lease + "' is not a lease");
  std::array<char, 12> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return Error::Errno(errno, "draw random bytes");
  return lease + "-" + Hex({random.data(), random.size()});
}

Status DeleteByLease(os::DirFd directory, const std::string& lease) {
  const std::vector<std::string> names = TRY(os::ListDirectory(directory, "."));
  for (const std::string& name : names) {
    if (!lease.empty() && !name.starts_with(lease + "-")) continue;
    TRY(os::DeleteTree(directory, name));
  }
  return Ok();
}

Result<ContentStore> ContentStore::Open(const std::string& path) {
  TRY(os::EnsureDirectory(path, 0700));
  os::UniqueFd directory = TRY(os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY));
  return Open(std::move(directory));
}

Result<ContentStore> ContentStore::Open(os::UniqueFd directory) {
  os::UniqueFd blobs = TRY_CTX(os::EnsureDirectoryAt({directory.get()}, "sha256", 0700), "open content store");
  os::UniqueFd ingest = TRY_CTX(os::EnsureDirectoryAt({directory.get()}, "ingest", 0700), "open content store");
  return ContentStore(std::move(directory), std::move(blobs), std::move(ingest));
}

Result<os::UniqueFd> ContentStore::OpenBlob(const std::string& digest) const {
  const std::string hex = TRY(oci::DigestHex(digest));
  return TRY_CTX(os::OpenAt({blobs_.get()}, hex, O_RDONLY | O_NOFOLLOW), "open blob '" + digest + "'");
}

Result<std::uint64_t> ContentStore::Size(const std::string& digest) const {
  const std::string hex = TRY(oci::DigestHex(digest));
  struct stat info {};
  if (::fstatat(blobs_.get(), hex.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0)
    return Error::Errno(errno, "find blob '" + digest + "'");
  return static_cast<std::uint64_t>(info.st_size);
}

bool ContentStore::Has(const std::string& digest) const { return Size(digest).ok(); }

Result<std::string> ContentStore::Read(const std::string& digest, std::size_t limit) const {
  const os::UniqueFd blob = TRY(OpenBlob(digest));
  return TRY_CTX(os::ReadAll(blob.get(), limit), "read blob '" + digest + "'");
}

Result<std::vector<std::string>> ContentStore::List() const {
  std::vector<std::string> names = TRY(os::ListDirectory({blobs_.get()}, "."));
  for (std::string& name : names) name.insert(0, "sha256:");
  std::erase_if(names, [](const std::string& name) { return !oci::IsDigest(name); });
  return names;
}

Status ContentStore::Delete(const std::string& digest) const {
  const std::string hex = TRY(oci::DigestHex(digest));
  return TRY_CTX(os::DeleteFile({blobs_.get()}, hex), "delete blob '" + digest + "'");
}

Status ContentStore::DeleteLeftovers(const std::string& lease) const {
  return TRY_CTX(DeleteByLease({ingest_.get()}, lease), "clear unfinished blobs");
}

}  // namespace estiba::store
