#include "cni/netns.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/file.h"

namespace estiba::cni {

Result<os::UniqueFd> OpenNetns(int pid) {
  return os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY);
}

Status HoldNetns(int netns, const std::string& path) {
  TRY(os::EnsureDirectory(path.substr(0, path.rfind('/')), 0700));
  TRY(os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_CREAT | O_NOFOLLOW, 0444));
  const std::string source = "/proc/self/fd/" + std::to_string(netns);
  if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, "hold the network namespace at '" + path + "'");
}

bool HoldsNetns(const std::string& path) {
  struct statfs there {};
  return !path.empty() && ::statfs(path.c_str(), &there) == 0 && there.f_type == NSFS_MAGIC;
}

Status ReleaseNetns(const std::string& path) {
  if (path.empty()) return Ok();
  while (HoldsNetns(path)) {
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    const int err = errno;
    return Error::Errno(err, "let go of the network namespace at '" + path + "'");
  }
  return os::DeleteFile({AT_FDCWD}, path);
}

}  // namespace estiba::cni
