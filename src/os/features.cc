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

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/userns.h"

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

// A kernel that does not know the attribute says so before it looks at the descriptor.
bool KnowsNoSymfollow() {
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_NOSYMFOLLOW;
  return ::syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0 && errno == EBADF;
}

// An overlay context that is never mounted tells which parameters its parser knows.
void ProbeOverlay(KernelFeatures& features) {
  const long fd = ::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
  if (fd < 0) return;
  const UniqueFd context(static_cast<int>(fd));
  // Before 6.5 overlayfs took its options as one text: any key is accepted here and refused only at the mount.
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, "estiba-no-such-option", "/", 0) == 0) return;
  features.overlay_lower_append =
      ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, "lowerdir+", "/", 0) == 0;
}

bool SetgroupsDenied() {
  const auto text = ReadFile("/proc/self/setgroups", 64);
  return text.ok() && Trim(*text) == "deny";
}

bool Known(unsigned capability) { return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; }

// Two calls where the kernel is as new as the headers.
unsigned LastCapability() {
  unsigned last = CAP_LAST_CAP;
  while (last > 0 && !Known(last)) --last;
  while (last < 63 && Known(last + 1)) ++last;
  return last;
}

bool AppArmorOn() {
  const auto text = ReadFile("/sys/module/apparmor/parameters/enabled", 64);
  return text.ok() && text->starts_with('Y');
}

bool Exists(const char* path) { return ::access(path, F_OK) == 0; }

}  // namespace

int LandlockAbi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1 /*LANDLOCK_CREATE_RULESET_VERSION*/);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

KernelFeatures ProbeFeatures(bool overlays) {
  KernelFeatures features;
  features.mount_setattr = HasSyscall(SYS_mount_setattr);
  features.nosymfollow = features.mount_setattr && KnowsNoSymfollow();
  features.time_namespace = Exists("/proc/self/ns/time");
  features.cgroup_namespace = Exists("/proc/self/ns/cgroup");
  features.user_namespace = Exists("/proc/self/ns/user");
  features.seccomp_filter = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nullptr) < 0 && errno == EFAULT;
  features.selinux = Exists("/sys/fs/selinux/enforce");
  features.apparmor = AppArmorOn();
  const auto first = InFirstUserNamespace();
  features.first_user_namespace = !first.ok() || *first;  // no map: no user namespaces in this kernel
  features.setgroups_denied = SetgroupsDenied();
  features.can_mknod = features.first_user_namespace && Effective(CAP_MKNOD);
  features.last_capability = LastCapability();
  if (overlays && Effective(CAP_SYS_ADMIN)) ProbeOverlay(features);
  return features;
}

}  // namespace estiba::os
