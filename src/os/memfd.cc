#include "os/memfd.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "os/file.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace estiba::os {
namespace {

Result<UniqueFd> Create(const std::string& name, bool executable) {
  const unsigned base = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create(name.c_str(), base | (executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name.c_str(), base);  // before 6.3 neither flag is known
  if (const int err = errno; fd < 0) return Error::Errno(err, "make memfd '" + name + "'");
  return UniqueFd(fd);
}

// Some work of the kernel's on memory (compaction, DAMON) holds a page for a moment, and then there is no sealing: the
// kernel itself waits for a tenth of a second or two each time.
constexpr int kSealTries = 20;

Status Seal(int fd) {
  for (int tries = 1;; ++tries) {
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0) return Ok();
    if (const int err = errno; err != EBUSY || tries == kSealTries) return Error::Errno(err, "seal a memfd");
  }
}

}  // namespace

Result<UniqueFd> MakeMemfd(const std::string& name) { return Create(name, /*executable=*/false); }

Result<UniqueFd> MakeSealedMemfd(const std::string& name, std::string_view bytes, bool executable) {
  UniqueFd fd = TRY(Create(name, executable));
  TRY_CTX(WriteAll(fd.get(), bytes), "fill memfd '" + name + "'");
  TRY(Seal(fd.get()));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return Error::Errno(errno, "rewind memfd '" + name + "'");
  return fd;
}

Result<UniqueFd> CopyToSealedMemfd(const std::string& name, const std::string& path) {
  const UniqueFd source = TRY(OpenAt({AT_FDCWD}, path, O_RDONLY));
  UniqueFd fd = TRY(Create(name, /*executable=*/true));
  struct stat info {};
  if (::fstat(source.get(), &info) < 0) return Error::Errno(errno, "stat '" + path + "'");
  for (off_t left = info.st_size; left > 0;) {
    const ssize_t n = ::sendfile(fd.get(), source.get(), nullptr, static_cast<std::size_t>(left));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::Errno(n == 0 ? EIO : errno, "copy '" + path + "'");
    left -= n;
  }
  TRY(Seal(fd.get()));
  return fd;
}

}  // namespace estiba::os
