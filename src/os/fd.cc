#include "os/fd.h"

#include <cassert>
#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

// The kernel answers EAGAIN when a rename or mount anywhere raced with a scoped walk (openat2(2)).
constexpr int kOpenat2Tries = 128;

Result<UniqueFd> Openat2(DirFd root, const std::string& path, int flags, unsigned mode, std::uint64_t resolve,
                         const char* where) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  // The kernel refuses a mode with neither of these (EINVAL).
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) how.mode = mode;
  how.resolve = resolve;
  long fd = -1;
  int err = EAGAIN;
  for (int i = 0; i < kOpenat2Tries && fd < 0 && (err == EAGAIN || err == EINTR); ++i) {
    fd = ::syscall(SYS_openat2, root.fd, path.c_str(), &how, sizeof how);
    err = errno;
  }
  if (fd < 0) return Error::Errno(err, "open '" + path + "' " + where);
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace

void UniqueFd::Reset(int fd) noexcept {
  if (fd_ >= 0) {
    const int saved = errno;
    // Not retried on EINTR: Linux has already given the number back.
    [[maybe_unused]] const int rc = ::close(fd_);
    assert(rc == 0 || errno != EBADF);  // EBADF is a double close: a bug, not an error
    errno = saved;
  }
  fd_ = fd;
}

Result<UniqueFd> OpenAt(DirFd dir, const std::string& path, int flags, unsigned mode) {
  const int fd = ::openat(dir.fd, path.c_str(), flags | O_CLOEXEC, mode);
  if (const int err = errno; fd < 0) return Error::Errno(err, "open '" + path + "'");
  return UniqueFd(fd);
}

Result<UniqueFd> OpenInRoot(DirFd root, const std::string& path, int flags, unsigned mode) {
  return Openat2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, "in container root");
}

Result<UniqueFd> OpenBeneath(DirFd root, const std::string& path, int flags, unsigned mode) {
  return Openat2(root, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
                 "beneath its directory");
}

Result<UniqueFd> OpenWithin(DirFd root, const std::string& path, int flags) {
  return Openat2(root, path, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, "within its directory");
}

Result<UniqueFd> Duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (const int err = errno; copy < 0) return Error::Errno(err, "duplicate descriptor " + std::to_string(fd));
  return UniqueFd(copy);
}

Result<Pipe> MakePipe(int flags) {
  int ends[2];
  if (::pipe2(ends, flags | O_CLOEXEC) < 0) return Error::Errno(errno, "make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Status SetNonBlocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (const int err = errno; flags < 0) return Error::Errno(err, "read descriptor flags");
  if (::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
    return Error::Errno(errno, "set descriptor flags");
  return Ok();
}

Status SetCloseOnExec(int fd, bool on) {
  if (::fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0) return Error::Errno(errno, "set close-on-exec");
  return Ok();
}

}  // namespace estiba::os
