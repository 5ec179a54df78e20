// What a directory of the root holds becomes the first content of the tmpfs that is about to cover it. No memory but
// the stack: a fixed buffer a level, and a bound on the levels.

#include "internal.h"

#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

namespace estiba::child {
namespace {

constexpr int kDeepest = 64;

struct Entry {  // struct linux_dirent64
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

int CopyBytes(int from, int to) noexcept {
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t size = ::read(from, buffer, sizeof buffer);
    if (size <= 0) return ErrnoOf(size);
    for (ssize_t at = 0; at < size;) {
      const ssize_t written = ::write(to, buffer + at, static_cast<std::size_t>(size - at));
      if (written < 0) return errno;
      at += written;
    }
  }
}

// Owner before mode: chown(2) clears set-id bits.
int CopyMetadata(int fd, const struct stat& st) noexcept {
  if (::fchown(fd, st.st_uid, st.st_gid) != 0) return errno;
  if (::fchmod(fd, st.st_mode & 07777) != 0) return errno;
  const timespec times[2] = {st.st_atim, st.st_mtim};
  return ErrnoOf(::syscall(SYS_utimensat, fd, nullptr, times, 0));
}

int CopyFile(int from, int to, const char* name, const struct stat& st) noexcept {
  const ScopedFd source(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (source.fd < 0) return errno;
  const ScopedFd target(::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (target.fd < 0) return errno;
  if (const int err = CopyBytes(source.fd, target.fd); err != 0) return err;
  return CopyMetadata(target.fd, st);
}

int CopyLink(int from, int to, const char* name) noexcept {
  char content[PATH_MAX];
  const ssize_t size = ::readlinkat(from, name, content, sizeof content - 1);
  if (size < 0) return errno;
  content[size] = '\0';
  return ErrnoOf(::symlinkat(content, to, name));
}

// Links, devices, FIFOs: what has no content to open.
int CopySpecial(int from, int to, const char* name, const struct stat& st) noexcept {
  if (S_ISSOCK(st.st_mode)) return 0;  // nobody listens at a copy
  const int err = S_ISLNK(st.st_mode) ? CopyLink(from, to, name)
                                      : ErrnoOf(::mknodat(to, name, st.st_mode, st.st_rdev));
  if (err != 0) return err;
  return ErrnoOf(::fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW));
}

int CopyLevel(int from, int to, int depth) noexcept;

int CopyDirectory(int from, int to, const char* name, const struct stat& st, int depth) noexcept {
  if (depth >= kDeepest) return ELOOP;
  if (::mkdirat(to, name, 0700) != 0) return errno;
  const ScopedFd source(::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (source.fd < 0) return errno;
  const ScopedFd target(::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (target.fd < 0) return errno;
  if (const int err = CopyLevel(source.fd, target.fd, depth + 1); err != 0) return err;
  return CopyMetadata(target.fd, st);
}

int CopyEntry(int from, int to, const char* name, int depth) noexcept {
  if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) return 0;
  struct stat st;
  if (::fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  if (S_ISREG(st.st_mode)) return CopyFile(from, to, name, st);
  if (S_ISDIR(st.st_mode)) return CopyDirectory(from, to, name, st, depth);
  return CopySpecial(from, to, name, st);
}

int CopyLevel(int from, int to, int depth) noexcept {
  alignas(Entry) char buffer[2048];
  for (;;) {
    const long size = ::syscall(SYS_getdents64, from, buffer, sizeof buffer);
    if (size <= 0) return ErrnoOf(size);
    for (long at = 0; at < size;) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer + at);
      if (const int err = CopyEntry(from, to, entry->name, depth); err != 0) return err;
      at += entry->size;
    }
  }
}

}  // namespace

int OpenCopyUp(const Program& program, const Step& step) noexcept {
  const int fd = OpenIn(Slot(program, step), step.s[0], O_RDONLY | O_DIRECTORY);
  if (fd < 0) return fd == -ENOENT ? 0 : -fd;
  Fill(program, step, fd);
  return 0;
}

int CopyTree(int from, int to) noexcept { return CopyLevel(from, to, 0); }

}  // namespace estiba::child
