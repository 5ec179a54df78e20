#include "os/netns.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/log.h"
#include "os/mountns.h"
#include "os/process.h"

namespace estiba::os {

Status InNetworkNamespace(int netns, const std::function<Status()>& work) {
  if (!SingleThreaded()) return Error(Code::kInternal, "enter a network namespace: the process has several threads");
  const UniqueFd home = TRY(OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
  if (::setns(netns, CLONE_NEWNET) < 0) return Error::Errno(errno, "enter network namespace");
  Status status = work();
  if (::setns(home.get(), CLONE_NEWNET) < 0) {
    log::Error("cannot return to our own network namespace");
    std::abort();
  }
  return status;
}

Status AsResident(int netns, const std::function<Status()>& work) {
  const auto with_sys = [&]() -> Status {
    // A machine without a /sys has none here either.
    if (::umount2("/sys", MNT_DETACH) == 0 && ::mount("sysfs", "/sys", "sysfs", 0, nullptr) < 0)
      return Error::Errno(errno, "mount the namespace's /sys");
    return work();
  };
  return InPrivateMounts([&] { return InNetworkNamespace(netns, with_sys); });
}

Result<UniqueFd> CreateNetworkNamespace() {
  if (!SingleThreaded()) return Error(Code::kInternal, "make a network namespace: the process has several threads");
  const UniqueFd home = TRY(OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
  if (::unshare(CLONE_NEWNET) < 0) return Error::Errno(errno, "make a network namespace");
  auto made = OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY);
  if (::setns(home.get(), CLONE_NEWNET) < 0) {
    log::Error("cannot return to our own network namespace");
    std::abort();
  }
  return made;
}

Status NameNamespace(int ns, const std::string& path) {
  TRY(OpenAt({AT_FDCWD}, path, O_RDONLY | O_CREAT | O_EXCL, 0444));
  auto mounted = BindTree("/proc/self/fd/" + std::to_string(ns), path);
  if (!mounted.ok()) (void)::unlink(path.c_str());
  return mounted;
}

Status DeleteNamespaceName(const std::string& path) {
  // EINVAL: no mount point.
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
    return Error::Errno(errno, "unmount '" + path + "'");
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) return Error::Errno(errno, "delete '" + path + "'");
  return Ok();
}

}  // namespace estiba::os
