#include "internal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace estiba::child {
namespace {

constexpr unsigned kMostCapabilities = 64;

// Raw: glibc's set*id() signals every thread it believes in.
int SetIds(std::uint64_t uid, std::uint64_t gid) noexcept {
  if (::syscall(SYS_setresgid, gid, gid, gid) != 0) return errno;
  return ErrnoOf(::syscall(SYS_setresuid, uid, uid, uid));
}

int CheckIds(std::uint64_t uid, std::uint64_t gid) noexcept {
  unsigned real = 0;
  unsigned effective = 0;
  unsigned saved = 0;
  if (::syscall(SYS_getresuid, &real, &effective, &saved) != 0) return errno;
  if (real != uid || effective != uid || saved != uid) return EPERM;
  if (::syscall(SYS_getresgid, &real, &effective, &saved) != 0) return errno;
  return real == gid && effective == gid && saved == gid ? 0 : EPERM;
}

unsigned Low(std::uint64_t set) noexcept { return static_cast<unsigned>(set); }
unsigned High(std::uint64_t set) noexcept { return static_cast<unsigned>(set >> 32); }

// The kernel's answer must be what was asked for: an unnoticed capability is an escape.
int CheckCapabilities(const Step& step) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return errno;
  const std::uint64_t effective = data[0].effective | std::uint64_t{data[1].effective} << 32;
  const std::uint64_t permitted = data[0].permitted | std::uint64_t{data[1].permitted} << 32;
  const std::uint64_t inheritable = data[0].inheritable | std::uint64_t{data[1].inheritable} << 32;
  return effective == step.n[0] && permitted == step.n[1] && inheritable == step.n[2] ? 0 : EPERM;
}

// The caller's supplementary groups must not come along. They stay only where the plan says that nobody can change
// them: in a user namespace whose /proc/PID/setgroups says "deny", for good (user_namespaces(7)).
int SetGroups(bool denied, std::uint64_t count, const char* groups) noexcept {
  const int err = ErrnoOf(::syscall(SYS_setgroups, count, groups));
  return err == EPERM && denied && count == 0 ? 0 : err;
}

int ChownOne(int fd, uid_t uid) noexcept {
  struct stat st;
  if (::fstat(fd, &st) != 0) return errno;
  const bool null = S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
  if (null || st.st_uid == uid) return 0;
  const int err = ErrnoOf(::fchown(fd, uid, static_cast<gid_t>(-1)));
  // A file of an owner not mapped here, on a read-only mount, a socket: usable as it is, only not by name.
  return err == EINVAL || err == EPERM || err == EROFS || err == ENOSYS ? 0 : err;
}

}  // namespace

int BecomeRoot(const Step& step) noexcept {
  const int err = SetGroups(step.n[0] != 0, 0, nullptr);
  return err != 0 ? err : SetIds(0, 0);
}

int ChownStdio(const Step& step) noexcept {
  for (int fd = 0; fd < 3; ++fd) {
    if (const int err = ChownOne(fd, static_cast<uid_t>(step.n[0])); err != 0) return err;
  }
  return 0;
}

int DropBounding(const Step& step) noexcept {
  for (unsigned capability = 0; capability < kMostCapabilities; ++capability) {
    const int has = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (has < 0) return errno == EINVAL && capability > 0 ? 0 : errno;  // EINVAL: past the last the kernel knows
    if (has == 0 || (step.n[0] >> capability & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
  }
  return 0;
}

int Groups(const Step& step) noexcept {
  return SetGroups(step.n[0] != 0, step.blob_size / sizeof(gid_t), step.blob);
}

int Identity(const Step& step) noexcept {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno;
  if (const int err = SetIds(step.n[0], step.n[1]); err != 0) return err;
  if (const int err = CheckIds(step.n[0], step.n[1]); err != 0) return err;
  return ErrnoOf(::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
}

int Capabilities(const Step& step) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct data[2] = {{Low(step.n[0]), Low(step.n[1]), Low(step.n[2])},
                                          {High(step.n[0]), High(step.n[1]), High(step.n[2])}};
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  if (::syscall(SYS_capset, &header, data) != 0) return errno;
  for (unsigned capability = 0; capability < kMostCapabilities; ++capability) {
    if ((step.n[3] >> capability & 1) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return errno;
  }
  return CheckCapabilities(step);
}

int NoNewPrivileges() noexcept { return ErrnoOf(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int Seccomp(const Program& program, const Step& step) noexcept {
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(step.blob_size / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(step.blob));
  const long rc = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, step.n[0], &filter);
  if (rc >= 0 && (step.n[0] & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) {
    Fill(program, step, static_cast<int>(rc));
    return 0;
  }
  // Above 0 it names a thread that would not take the filter (SECCOMP_FILTER_FLAG_TSYNC).
  return rc > 0 ? EBUSY : ErrnoOf(rc);
}

}  // namespace estiba::child
