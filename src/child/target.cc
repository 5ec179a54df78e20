#include "internal.h"

#include <cstring>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>

namespace estiba::child {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's MAXSYMLINKS

// A path being resolved by hand because part of it does not exist yet. `done` is free of symlinks and "..", `rest` is
// still to come.
struct Walk {
  char done[PATH_MAX];
  char rest[PATH_MAX];
  std::size_t done_size;
  int links;
};

// Replaces the rest by `link` + "/" + rest.
int Follow(Walk& walk, const char* link, std::size_t link_size) noexcept {
  if (++walk.links > kMaxLinks) return ELOOP;
  const std::size_t rest_size = std::strlen(walk.rest);
  if (link_size + 1 + rest_size + 1 > sizeof walk.rest) return ENAMETOOLONG;
  std::memmove(walk.rest + link_size + 1, walk.rest, rest_size + 1);
  std::memcpy(walk.rest, link, link_size);
  walk.rest[link_size] = '/';
  if (link[0] == '/') walk.done_size = 0;
  walk.done[walk.done_size] = '\0';
  return 0;
}

// Takes the next component off the rest; its size, 0 at the end.
std::size_t Next(Walk& walk, char (&name)[NAME_MAX + 1]) noexcept {
  const char* start = walk.rest;
  while (*start == '/') ++start;
  std::size_t size = 0;
  while (start[size] != '\0' && start[size] != '/') ++size;
  if (size == 0 || size > NAME_MAX) {
    name[0] = '\0';
    return size;
  }
  std::memcpy(name, start, size);
  name[size] = '\0';
  std::memmove(walk.rest, start + size, std::strlen(start + size) + 1);
  return size;
}

bool IsOnProc(int fd) noexcept {
  struct statfs fs;
  return ::fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

bool AtEnd(const Walk& walk) noexcept {
  const char* p = walk.rest;
  while (*p == '/') ++p;
  return *p == '\0';
}

void Up(Walk& walk) noexcept {
  while (walk.done_size > 0 && walk.done[walk.done_size - 1] != '/') --walk.done_size;
  if (walk.done_size > 0) --walk.done_size;
  walk.done[walk.done_size] = '\0';
}

int Push(Walk& walk, const char* name, std::size_t size) noexcept {
  if (walk.done_size + 1 + size + 1 > sizeof walk.done) return ENAMETOOLONG;
  walk.done[walk.done_size++] = '/';
  std::memcpy(walk.done + walk.done_size, name, size + 1);
  walk.done_size += size;
  return 0;
}

const char* Done(const Walk& walk) noexcept { return walk.done_size == 0 ? "/" : walk.done; }

int Create(int parent, const char* name, bool directory, unsigned mode) noexcept {
  if (directory) {
    const int err = ErrnoOf(::mkdirat(parent, name, mode));
    return err == EEXIST ? 0 : err;
  }
  const int fd = ::openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, mode);
  if (fd < 0) return errno == EEXIST ? 0 : errno;
  ::close(fd);
  return 0;
}

// One component: follows a symlink, makes what is missing, steps into what is there.
int StepInto(int root, Walk& walk, const char* name, std::size_t size, Make make, unsigned mode) noexcept {
  const ScopedFd parent(OpenIn(root, Done(walk), O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS));
  if (parent.fd < 0) return -parent.fd;
  // Nothing can be made in a procfs, and its magic links are none to follow by their text: /proc/self/fd/N may name
  // `parent` itself.
  if (IsOnProc(parent.fd)) return ENOENT;
  char link[PATH_MAX];
  const ssize_t link_size = ::readlinkat(parent.fd, name, link, sizeof link - 1);
  if (link_size > 0) return Follow(walk, link, static_cast<std::size_t>(link_size));
  if (errno == ENOENT) {
    const bool last = AtEnd(walk);
    const bool directory = !last || make == Make::kDirectory;
    if (const int err = Create(parent.fd, name, directory, last ? mode : 0755); err != 0) return err;
  } else if (errno != EINVAL) {  // EINVAL: it is there and no symlink
    return errno;
  }
  return Push(walk, name, size);
}

int MakeTarget(int root, const char* path, Make make, unsigned mode) noexcept {
  Walk walk;
  walk.done[0] = '\0';
  walk.done_size = 0;
  walk.links = 0;
  const std::size_t size = std::strlen(path);
  if (size + 1 > sizeof walk.rest) return -ENAMETOOLONG;
  std::memcpy(walk.rest, path, size + 1);
  char name[NAME_MAX + 1];
  while (const std::size_t name_size = Next(walk, name)) {
    if (name_size > NAME_MAX) return -ENAMETOOLONG;
    if (std::strcmp(name, ".") == 0) continue;
    if (std::strcmp(name, "..") == 0) {
      Up(walk);
      continue;
    }
    if (const int err = StepInto(root, walk, name, name_size, make, mode); err != 0) return -err;
  }
  return OpenIn(root, Done(walk), O_PATH, RESOLVE_NO_SYMLINKS);
}

}  // namespace

int OpenIn(int root, const char* path, std::uint64_t flags, std::uint64_t extra_resolve) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra_resolve;
  // EAGAIN: something was renamed beside us. Nobody should be there yet, so this is generous.
  for (int tries = 0; tries < 128; ++tries) {
    const long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN) break;
  }
  return -errno;
}

int EnsureTarget(int root, const char* path, Make make, unsigned mode) noexcept {
  const int fd = OpenIn(root, path, O_PATH);
  if (fd != -ENOENT) return fd;
  return MakeTarget(root, path, make, mode);
}

int RefuseProc(int root, int target) noexcept {
  if (!IsOnProc(target)) return 0;
  const ScopedFd proc(OpenIn(root, "/proc", O_PATH | O_DIRECTORY));
  if (proc.fd < 0) return 0;
  struct stat there;
  struct stat here;
  if (::fstat(proc.fd, &there) != 0 || ::fstat(target, &here) != 0) return errno;
  return there.st_dev == here.st_dev ? ELOOP : 0;
}

int EnsureParent(int root, const char* path, const char** name) noexcept {
  const char* slash = std::strrchr(path, '/');
  *name = slash == nullptr ? path : slash + 1;
  if (**name == '\0') return -EINVAL;
  if (slash == nullptr || slash == path) return OpenIn(root, "/", O_PATH | O_DIRECTORY);
  char parent[PATH_MAX];
  const std::size_t size = static_cast<std::size_t>(slash - path);
  if (size + 1 > sizeof parent) return -ENAMETOOLONG;
  std::memcpy(parent, path, size);
  parent[size] = '\0';
  return EnsureTarget(root, parent, Make::kDirectory, 0755);
}

}  // namespace estiba::child
