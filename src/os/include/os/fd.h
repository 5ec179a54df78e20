#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace estiba::os {

// Owns one file descriptor. Move-only; dropping it never fails and keeps errno.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int Release() noexcept { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

// A directory some path is relative to. Borrowed, never closed.
struct DirFd {
  int fd;
};

// openat(2), always with O_CLOEXEC.
Result<UniqueFd> OpenAt(DirFd dir, const std::string& path, int flags, unsigned mode = 0);
// As OpenAt, but the path cannot leave `root`, whatever symlinks it meets (openat2(2), RESOLVE_IN_ROOT and
// NO_MAGICLINKS; EAGAIN from a concurrent rename is retried a bounded number of times).
Result<UniqueFd> OpenInRoot(DirFd root, const std::string& path, int flags, unsigned mode = 0);
// As OpenInRoot, but a ".." or symlink that would leave `root` is an error (RESOLVE_BENEATH, no symlinks at all).
// As OpenBeneath, but symbolic links that stay beneath `root` are followed.
Result<UniqueFd> OpenWithin(DirFd root, const std::string& path, int flags);
Result<UniqueFd> OpenBeneath(DirFd root, const std::string& path, int flags, unsigned mode = 0);
// A second descriptor for the same open file, CLOEXEC, numbered 3 or above.
Result<UniqueFd> Duplicate(int fd);

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
// pipe2(2) with O_CLOEXEC and `flags`.
Result<Pipe> MakePipe(int flags = 0);

// Switches O_NONBLOCK.
Status SetNonBlocking(int fd, bool on);
// Clears or sets FD_CLOEXEC: only for a descriptor that a program about to be spawned shall inherit.
Status SetCloseOnExec(int fd, bool on);

}  // namespace estiba::os
