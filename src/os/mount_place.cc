#include "os/mount_place.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {

Status AttachMountTo(int mount, int place) {
  constexpr unsigned kFlags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (::syscall(SYS_move_mount, mount, "", place, "", kFlags) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, "attach a mount");
}

bool IsMountRoot(int fd) {
  struct statx found{};
  if (::syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0, &found) != 0) return false;
  return (found.stx_attributes & found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace estiba::os
