#include "os/features.h"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

namespace estiba::os {
namespace {

bool Effective(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective >> (capability % 32) & 1) != 0;
}

bool HasSyscall(long number) {
  // Arguments no kernel accepts: everything but ENOSYS says that the call is there.
  return ::syscall(number, -1, nullptr, -1, nullptr, -1) >= 0 || errno != ENOSYS;
}

// An overlay context that is never mounted tells which parameters its parser knows.
void ProbeOverlay(KernelFeatures& features) {
  const long fd = ::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
  if (fd < 0) return;
  const UniqueFd context(static_cast<int>(fd));
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  // Before 6.5 overlayfs took its options as one text: any key is accepted here and refused only at the mount.
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, "estiba-no-such-option", "/", 0) == 0) return;
  features.overlay_lower_append =
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, "lowerdir+", "/", 0) == 0;
  features.overlay_lower_fds =
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FD, "lowerdir+", nullptr, root.get()) == 0;
}

// The first user namespace maps every id to itself.
bool InFirstUserNamespace() {
  auto map = ReadFile("/proc/self/uid_map", 4096);
  if (!map.ok()) return true;  // no user namespaces in this kernel
  std::uint64_t fields[3] = {};
  std::size_t field = 0;
  bool digit = false;
  for (const char c : *map) {
    if (c >= '0' && c <= '9') {
      fields[field] = fields[field] * 10 + static_cast<unsigned>(c - '0');
      digit = true;
    } else if (digit) {
      digit = false;
      if (++field == 3) break;
    }
  }
  return fields[0] == 0 && fields[1] == 0 && fields[2] == 4294967295U;
}

unsigned LastCapability() {
  unsigned last = 0;
  while (last < 63 && ::prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0) ++last;
  return last;
}

bool Exists(const char* path) { return ::access(path, F_OK) == 0; }

}  // namespace

KernelFeatures ProbeFeatures() {
  KernelFeatures features;
  features.mount_setattr = HasSyscall(SYS_mount_setattr);
  features.time_namespace = Exists("/proc/self/ns/time");
  features.cgroup_namespace = Exists("/proc/self/ns/cgroup");
  features.user_namespace = Exists("/proc/self/ns/user");
  features.clone_into_cgroup = HasSyscall(SYS_openat2) && HasSyscall(SYS_pidfd_getfd);  // both came with or before it
  features.seccomp_filter = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nullptr) < 0 && errno == EFAULT;
  features.sys_admin = Effective(CAP_SYS_ADMIN);
  features.first_user_namespace = InFirstUserNamespace();
  features.can_mknod = features.first_user_namespace && Effective(CAP_MKNOD);
  features.sys_resource = features.first_user_namespace && Effective(CAP_SYS_RESOURCE);
  features.last_capability = LastCapability();
  if (features.sys_admin) ProbeOverlay(features);
  return features;
}

}  // namespace estiba::os
