#include "internal.h"

#include <cstring>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>

// <sys/mount.h> clashes with <linux/mount.h> in older C libraries.
extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags,
                     const void* data) noexcept;
extern "C" int umount2(const char* target, int flags) noexcept;

namespace estiba::child {
namespace {

constexpr unsigned kMoveByFd = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
constexpr unsigned kAtRecursive = 0x8000;  // AT_RECURSIVE
constexpr int kDetach = 2;                 // MNT_DETACH
constexpr unsigned long kMsMove = 8192;

int Configure(int fs, unsigned command, const char* key, const char* value) noexcept {
  return ErrnoOf(::syscall(SYS_fsconfig, fs, command, key, value, 0));
}

int SetSuperFlags(int fs, std::uint64_t flags) noexcept {
  constexpr struct {
    std::uint64_t flag;
    const char* name;
  } kNames[] = {{kSuperReadOnly, "ro"}, {kSuperSync, "sync"}, {kSuperDirSync, "dirsync"},
                {kSuperLazyTime, "lazytime"}, {kSuperMand, "mand"}, {kSuperSilent, "silent"}};
  for (const auto& entry : kNames) {
    if ((flags & entry.flag) == 0) continue;
    const int err = Configure(fs, FSCONFIG_SET_FLAG, entry.name, nullptr);
    // Mandatory locks left the kernel in 5.15, "silent" is no parameter: neither changes what is mounted.
    if (err != 0 && entry.flag != kSuperMand && entry.flag != kSuperSilent) return err;
  }
  return 0;
}

// "fKEY\0" sets a flag, "sKEY\0VALUE\0" a string.
int SetOptions(int fs, const char* blob, std::uint64_t size) noexcept {
  const char* const end = blob + size;
  for (const char* p = blob; p < end;) {
    const char* key = p + 1;
    const char* after = key + std::strlen(key) + 1;
    int err = 0;
    if (*p == 'f') {
      err = Configure(fs, FSCONFIG_SET_FLAG, key, nullptr);
    } else {
      err = Configure(fs, FSCONFIG_SET_STRING, key, after);
      after += std::strlen(after) + 1;
    }
    if (err != 0) return err;
    p = after;
  }
  return 0;
}

// "mode=1777" of the directory about to be covered, for the mount's options.
int SetMode(int fs, int target) noexcept {
  struct stat st;
  if (::fstat(target, &st) != 0) return errno;
  char octal[5] = "0000";
  for (int i = 0; i < 4; ++i) octal[i] = static_cast<char>('0' + ((st.st_mode >> (9 - 3 * i)) & 7));
  return Configure(fs, FSCONFIG_SET_STRING, "mode", octal);
}

// A configured, detached file system, with the mode of what is at `like` unless that is -1; a descriptor or a negated
// errno.
int MakeFilesystem(const char* type, const char* source, std::uint64_t super, const char* blob, std::uint64_t size,
                   std::uint64_t attributes, int like = -1) noexcept {
  const ScopedFd fs(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (fs.fd < 0) return -errno;
  if (source != nullptr && *source != '\0') {
    if (const int err = Configure(fs.fd, FSCONFIG_SET_STRING, "source", source); err != 0) return -err;
  }
  if (const int err = SetSuperFlags(fs.fd, super); err != 0) return -err;
  if (const int err = SetOptions(fs.fd, blob, size); err != 0) return -err;
  if (const int err = like < 0 ? 0 : SetMode(fs.fd, like); err != 0) return -err;
  if (const int err = Configure(fs.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr); err != 0) return -err;
  const long fd = ::syscall(SYS_fsmount, fs.fd, FSMOUNT_CLOEXEC, attributes);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

// Gives the root of a new tmpfs the owner of the directory it is about to cover. The mode is an option of the mount,
// which shows it; here once more, because a change of the owner takes set-id bits away.
int CopyOwner(int mount, int target) noexcept {
  struct stat st;
  if (::fstat(target, &st) != 0) return errno;
  const ScopedFd directory(::openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd < 0) return errno;
  if (::fchown(directory.fd, st.st_uid, st.st_gid) != 0) return errno;
  return ErrnoOf(::fchmod(directory.fd, st.st_mode & 07777));
}

int OpenTarget(int root, const char* path, std::uint64_t flags, bool* existed) noexcept {
  // proc and sysfs over a symlink would land where later steps, and the container, do not look for them.
  const bool ordinary = (flags & (kTargetOrdinary | kTargetIsProc)) != 0;
  const std::uint64_t resolve = ordinary ? std::uint64_t{RESOLVE_NO_SYMLINKS} : 0;
  int fd = OpenIn(root, path, O_PATH, resolve);
  *existed = fd != -ENOENT;
  if (!*existed) {
    fd = EnsureTarget(root, path, (flags & kTargetFile) != 0 ? Make::kFile : Make::kDirectory, 0755);
    if (fd >= 0 && ordinary) {
      ::close(fd);
      fd = OpenIn(root, path, O_PATH, resolve);
    }
  }
  if (fd < 0 || ordinary || (flags & kTargetMayBeProc) != 0) return fd;
  const int err = RefuseProc(root, fd);
  if (err == 0) return fd;
  ::close(fd);
  return -err;
}

// What kMask and kReadonlyPath name, from the mount that holds it.
int OpenRestricted(const Program& program, const Step& step) noexcept {
  const std::size_t skipped = step.n[0];
  if (skipped > std::strlen(step.s[0])) return -EINVAL;
  return OpenIn(Slot(program, step), step.s[0] + skipped, O_PATH);
}

// Kernels before 5.12: the attributes of an attached mount by mount(2) and the magic link of its descriptor, one mount
// at a time. mount(2) replaces all flags, so those that stay are named again.
int RemountByPath(int mount_fd, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                  bool recursive) noexcept {
  // These have the values of MS_RDONLY, MS_NOSUID, MS_NODEV and MS_NOEXEC, and of statfs(2)'s f_flags.
  constexpr std::uint64_t kPlain = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const std::uint64_t changed = set | clear;
  if ((changed & ~kPlain) != 0 || (recursive && changed != 0)) return ENOSYS;
  char path[32] = "/proc/self/fd/";
  char digits[12];
  int count = 0;
  for (int value = mount_fd; count == 0 || value > 0; value /= 10)
    digits[count++] = static_cast<char>('0' + value % 10);
  char* out = path + std::strlen(path);
  while (count > 0) *out++ = digits[--count];
  *out = '\0';
  if (changed != 0) {
    struct statfs now;
    if (::fstatfs(mount_fd, &now) != 0) return errno;
    constexpr unsigned long kMsRemountBind = 32 | 4096;
    const unsigned long flags = ((static_cast<unsigned long>(now.f_flags) & kPlain) | set) & ~clear;
    if (::mount(nullptr, path, nullptr, kMsRemountBind | flags, nullptr) != 0) return errno;
  }
  if (propagation != 0 && ::mount(nullptr, path, nullptr, 16384 | propagation, nullptr) != 0) return errno;
  return 0;
}

}  // namespace

int MoveMount(int mount_fd, int target) noexcept {
  return ErrnoOf(::syscall(SYS_move_mount, mount_fd, "", target, "", kMoveByFd));
}

int CloneMount(int fd, bool recursive) noexcept {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? kAtRecursive : 0);
  const long clone = ::syscall(SYS_open_tree, fd, "", flags);
  return clone < 0 ? -errno : static_cast<int>(clone);
}

int ChangeAttributes(int mount_fd, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                     bool recursive) noexcept {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? kAtRecursive : 0);
  const int err = ErrnoOf(::syscall(SYS_mount_setattr, mount_fd, "", flags, &attributes, sizeof attributes));
  return err == ENOSYS ? RemountByPath(mount_fd, set, clear, propagation, recursive) : err;
}

int AttachRoot(const Program& program, const Step& step) noexcept {
  const ScopedFd target(::open(step.s[0], O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (target.fd < 0) return errno;
  return MoveMount(Slot(program, step), target.fd);
}

int Mount(const Program& program, const Step& step) noexcept {
  bool existed = false;
  const ScopedFd target(OpenTarget(Slot(program, step), step.s[2], step.n[3], &existed));
  if (target.fd < 0) return -target.fd;
  const bool keep_mode = existed && (step.n[3] & kTargetKeepMode) != 0;
  const ScopedFd mount_fd(MakeFilesystem(step.s[0], step.s[1], step.n[1], step.blob, step.blob_size, step.n[0],
                                         keep_mode ? target.fd : -1));
  if (mount_fd.fd < 0) return -mount_fd.fd;
  if (keep_mode) {
    if (const int err = CopyOwner(mount_fd.fd, target.fd); err != 0) return err;
  }
  if (const int content = Slot(program, step, 1); content >= 0) {
    const ScopedFd top(::openat(mount_fd.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (top.fd < 0) return errno;
    if (const int err = CopyTree(content, top.fd); err != 0) return err;
  }
  if (const int err = MoveMount(mount_fd.fd, target.fd); err != 0) return err;
  if (step.n[2] != 0) {
    if (const int err = ChangeAttributes(mount_fd.fd, 0, 0, step.n[2], false); err != 0) return err;
  }
  if (step.out >= 0) Fill(program, step, ::fcntl(mount_fd.fd, F_DUPFD_CLOEXEC, 3));
  return 0;
}

int Attach(const Program& program, const Step& step) noexcept {
  const int mount_fd = Slot(program, step, 1);
  if (mount_fd < 0) return (step.n[3] & kTargetMayFail) != 0 ? 0 : EBADF;
  struct statfs fs;
  if ((step.n[3] & kTargetIsProc) != 0) {
    if (::fstatfs(mount_fd, &fs) != 0) return errno;
    if (fs.f_type != PROC_SUPER_MAGIC) return EPERM;
  }
  struct stat st;
  if (::fstat(mount_fd, &st) != 0) return errno;
  const std::uint64_t kind = S_ISDIR(st.st_mode) ? 0 : std::uint64_t{kTargetFile};
  bool existed = false;
  const ScopedFd target(OpenTarget(Slot(program, step, 0), step.s[0], step.n[3] | kind, &existed));
  if (target.fd < 0) return -target.fd;
  if (const int err = MoveMount(mount_fd, target.fd); err != 0) return err;
  if ((step.n[0] | step.n[1] | step.n[2]) == 0) return 0;
  return ChangeAttributes(mount_fd, step.n[0], step.n[1], step.n[2], step.n[4] != 0);
}

int SetAttributes(const Program& program, const Step& step) noexcept {
  return ChangeAttributes(Slot(program, step), step.n[0], step.n[1], step.n[2], step.n[3] != 0);
}

int Mask(const Program& program, const Step& step) noexcept {
  const ScopedFd target(OpenRestricted(program, step));
  if (target.fd == -ENOENT) return 0;  // nothing to hide; any other failure is one
  if (target.fd < 0) return -target.fd;
  struct stat st;
  if (::fstat(target.fd, &st) != 0) return errno;
  if (!S_ISDIR(st.st_mode)) {
    const ScopedFd null(CloneMount(Slot(program, step, 1), false));
    if (null.fd < 0) return -null.fd;
    return MoveMount(null.fd, target.fd);
  }
  const int shared = program.slots[step.out];
  if (shared >= 0) {
    const ScopedFd copy(CloneMount(shared, false));
    if (copy.fd < 0) return -copy.fd;
    return MoveMount(copy.fd, target.fd);
  }
  // The first directory: one tmpfs for all of them, which further ones clone from where it is attached.
  const int empty = MakeFilesystem("tmpfs", "tmpfs", kSuperReadOnly, nullptr, 0,
                                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (empty < 0) return -empty;
  program.slots[step.out] = empty;
  return MoveMount(empty, target.fd);
}

int ReadonlyPath(const Program& program, const Step& step) noexcept {
  const ScopedFd target(OpenRestricted(program, step));
  if (target.fd == -ENOENT) return 0;
  if (target.fd < 0) return -target.fd;
  const ScopedFd copy(CloneMount(target.fd, true));
  if (copy.fd < 0) return -copy.fd;
  if (const int err = MoveMount(copy.fd, target.fd); err != 0) return err;
  return ChangeAttributes(copy.fd, MOUNT_ATTR_RDONLY, 0, 0, false);
}

int Pivot(const Program& program, const Step& step) noexcept {
  const ScopedFd old_root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (old_root.fd < 0) return errno;
  if (::fchdir(Slot(program, step)) != 0) return errno;
  // Puts the old root over the new one, in the same place; no folder in the image is needed (pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (::fchdir(old_root.fd) != 0) return errno;
  if (::umount2(".", kDetach) != 0) return errno;
  return ErrnoOf(::chdir("/"));
}

int ChangeRoot(const Program& program, const Step& step) noexcept {
  if (::fchdir(Slot(program, step)) != 0) return errno;
  if (::chroot(".") != 0) return errno;
  return ErrnoOf(::chdir("/"));
}

// The host's procfs and sysfs would stay in our mount namespace when the root is only moved over them, wherever they
// are mounted and however many lie over each other, and a user namespace made inside may mount in full what is there in
// full: without masks. So all of the host's mounts go.
int MoveRoot(const Program& program, const Step& step) noexcept {
  const int root = Slot(program, step);
  if (::fchdir(root) != 0) return errno;
  // ELOOP: it was attached over "/", where it is to be (AttachRoot).
  if (::mount(".", "/", nullptr, kMsMove, nullptr) != 0 && errno != ELOOP) return errno;
  if (const int err = LeaveHostMounts(root); err != 0) return err;
  if (::chroot(".") != 0) return errno;
  return ErrnoOf(::chdir("/"));
}

}  // namespace estiba::child
