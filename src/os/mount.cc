#include "os/mount.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

constexpr unsigned kAtRecursive = 0x8000;  // AT_RECURSIVE

}  // namespace

Result<FilesystemContext> FilesystemContext::Open(const std::string& type) {
  const long fd = ::syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC);
  if (const int err = errno; fd < 0) return Error::Errno(err, "open file system '" + type + "'");
  return FilesystemContext(type, UniqueFd(static_cast<int>(fd)));
}

Status FilesystemContext::SetString(const std::string& key, const std::string& value) {
  if (::syscall(SYS_fsconfig, fd_.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, type_ + " option '" + key + "=" + value + "'" + Log());
}

Status FilesystemContext::SetFlag(const std::string& key) {
  if (::syscall(SYS_fsconfig, fd_.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, type_ + " option '" + key + "'" + Log());
}

Result<DetachedMount> FilesystemContext::Mount(std::uint64_t attributes) {
  if (::syscall(SYS_fsconfig, fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    const int err = errno;
    return Error::Errno(err, "make file system '" + type_ + "'" + Log());
  }
  const long fd = ::syscall(SYS_fsmount, fd_.get(), FSMOUNT_CLOEXEC, attributes);
  if (const int err = errno; fd < 0) return Error::Errno(err, "mount file system '" + type_ + "'" + Log());
  return DetachedMount(UniqueFd(static_cast<int>(fd)));
}

std::string FilesystemContext::Log() const {
  std::string text;
  char line[512];
  for (int lines = 0; lines < 8; ++lines) {  // fsopen(2): one message a read, ENODATA after the last
    const ssize_t size = ::read(fd_.get(), line, sizeof line);
    if (size <= 0) break;
    std::string_view message(line, static_cast<std::size_t>(size));
    if (message.size() > 2 && message[1] == ' ') message.remove_prefix(2);  // "e " is an error, "w " a warning
    while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
    text += text.empty() ? " (" : "; ";
    text += message;
  }
  if (!text.empty()) text += ")";
  return text;
}

Result<DetachedMount> CloneTree(DirFd dir, const std::string& path, bool recursive, bool follow) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (path.empty() ? AT_EMPTY_PATH : 0U) |
                         (follow ? 0U : AT_SYMLINK_NOFOLLOW) | (recursive ? kAtRecursive : 0U);
  const long fd = ::syscall(SYS_open_tree, dir.fd, path.c_str(), flags);
  if (const int err = errno; fd < 0) return Error::Errno(err, "open mount source '" + path + "'");
  return DetachedMount(UniqueFd(static_cast<int>(fd)));
}

Status AttachMount(int mount, const std::string& path) {
  if (::syscall(SYS_move_mount, mount, "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, "attach a mount at '" + path + "'");
}

Status SetMountAttributes(int mount, const MountAttributes& attributes, bool recursive) {
  mount_attr request{};
  request.attr_set = attributes.set;
  request.attr_clr = attributes.clear;
  request.propagation = attributes.propagation;
  if (attributes.user_namespace >= 0) {
    request.attr_set |= MOUNT_ATTR_IDMAP;
    request.userns_fd = static_cast<std::uint64_t>(attributes.user_namespace);
  }
  const unsigned flags = AT_EMPTY_PATH | (recursive ? kAtRecursive : 0U);
  if (::syscall(SYS_mount_setattr, mount, "", flags, &request, sizeof request) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, "set attributes of a mount");
}

Result<MountId> MountIdOf(int fd) {
  constexpr unsigned kUnique = 0x4000;  // STATX_MNT_ID_UNIQUE
  struct statx found{};
  for (const unsigned wanted : {kUnique, unsigned{STATX_MNT_ID}}) {
    if (::syscall(SYS_statx, fd, "", AT_EMPTY_PATH, wanted, &found) != 0)
      return Error::Errno(errno, "identify a mount");
    if ((found.stx_mask & wanted) != 0) return MountId{.number = found.stx_mnt_id, .unique = wanted == kUnique};
  }
  return Error(Code::kFailedPrecondition, "identify a mount: that takes kernel 5.8");
}

}  // namespace estiba::os
