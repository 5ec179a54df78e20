#include "internal.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <linux/stat.h>

namespace estiba::child {
namespace {

constexpr unsigned kMountId = 0x1000;        // STATX_MNT_ID, 5.8
constexpr unsigned kUniqueMountId = 0x4000;  // STATX_MNT_ID_UNIQUE, 6.8
constexpr int kDetach = 2;                   // MNT_DETACH
constexpr int kNoFollow = 8;                 // UMOUNT_NOFOLLOW

// Whether `fd` is on the mount that was put there, and not on one that a link leads to.
int CheckMount(int fd, const Step& step) noexcept {
  struct statx st {};
  const unsigned wanted = step.n[1] != 0 ? kUniqueMountId : kMountId;
  if (::syscall(SYS_statx, fd, "", AT_EMPTY_PATH, wanted, &st) != 0) return errno;
  return (st.stx_mask & wanted) != 0 && st.stx_mnt_id == step.n[0] ? 0 : ESTALE;
}

}  // namespace

int Unmount(const Program& program, const Step& step) noexcept {
  const char* name = nullptr;
  const ScopedFd target(OpenIn(Slot(program, step), step.s[0], O_PATH));
  if (target.fd < 0) return -target.fd;
  if (const int err = CheckMount(target.fd, step); err != 0) return err;
  struct stat st;
  if (::fstat(target.fd, &st) != 0) return errno;
  if (S_ISDIR(st.st_mode)) {
    if (::fchdir(target.fd) != 0) return errno;
    if (::umount2(".", kDetach) != 0) return errno;
    return ErrnoOf(::chdir("/"));
  }
  // A file is no working directory: by name, in its folder. What is mounted on cannot be renamed in this namespace.
  const ScopedFd folder(EnsureParent(Slot(program, step), step.s[0], &name));
  if (folder.fd < 0) return -folder.fd;
  const ScopedFd again(::openat(folder.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (again.fd < 0) return errno;
  if (const int err = CheckMount(again.fd, step); err != 0) return err;
  if (::fchdir(folder.fd) != 0) return errno;
  if (::umount2(name, kDetach | kNoFollow) != 0) return errno;
  return ErrnoOf(::chdir("/"));
}

}  // namespace estiba::child
