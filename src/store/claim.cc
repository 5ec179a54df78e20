#include "store/claim.h"

#include <array>
#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "codec/sha256.h"
#include "names.h"
#include "os/file.h"

namespace estiba::store {
namespace {

constexpr const char* kFile = "claims";
constexpr std::size_t kSecret = 32;

// The file holds a secret that places are computed with: with known ones, an image could be made whose layers have the
// same, and wait for themselves.
Status Create(os::DirFd store) {
  std::array<char, kSecret> secret{};
  if (::getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size()))
    return Error::Errno(errno, "draw random bytes");
  // Among the unfinished blobs, where it is cleared if we are killed.
  const std::string name = "ingest/" + TRY(TemporaryName(kFile));
  const os::UniqueFd file = TRY(os::OpenAt(store, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  Status made = os::WriteAll(file.get(), {secret.data(), secret.size()});
  // Another process may have been first: its secret is the one that counts.
  if (made.ok() && ::linkat(store.fd, name.c_str(), store.fd, kFile, 0) < 0 && errno != EEXIST)
    made = Error::Errno(errno, "make the file of claims");
  ::unlinkat(store.fd, name.c_str(), 0);
  return made;
}

Result<os::UniqueFd> Open(os::DirFd store) {
  auto file = os::OpenAt(store, kFile, O_RDWR | O_NOFOLLOW);
  if (file.ok() || file.error().errnum() != ENOENT) return file;
  TRY(Create(store));
  return os::OpenAt(store, kFile, O_RDWR | O_NOFOLLOW);
}

Result<off_t> PlaceOf(int file, const std::string& what) {
  std::string text(kSecret, '\0');
  if (::pread(file, text.data(), text.size(), 0) != static_cast<ssize_t>(kSecret))
    return Error(Code::kDataLoss, "the store's file of claims is damaged").Hint("stop the engine and delete 'claims'");
  const std::string digest = codec::DigestOf(text + what);
  std::uint64_t place = 0;
  for (const char c : digest.substr(sizeof "sha256:" - 1, 15))
    place = place * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return static_cast<off_t>(place);
}

}  // namespace

Result<std::optional<Claim>> TryClaim(os::DirFd store, const std::string& what) {
  // A description of its own for each: two of one process wait for each other like any two.
  os::UniqueFd file = TRY_CTX(Open(store), "claim " + what);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = TRY(PlaceOf(file.get(), what));
  range.l_len = 1;
  if (::fcntl(file.get(), F_OFD_SETLK, &range) == 0) return std::optional<Claim>(Claim(std::move(file)));
  const int err = errno;
  if (err == EAGAIN || err == EACCES) return std::optional<Claim>();
  return Error::Errno(err, "claim " + what);
}

}  // namespace estiba::store
