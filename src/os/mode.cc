#include "os/mode.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "os/file.h"

namespace estiba::os {

Status SetMode(int fd, mode_t mode) {
  // fchmod(2) takes no O_PATH descriptor.
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (::chmod(path.c_str(), mode) < 0) return Error::Errno(errno, "set its mode");
  return Ok();
}

Status SetModeOf(DirFd parent, const std::string& name, mode_t mode) {
  const UniqueFd node = TRY(OpenAt(parent, name, O_PATH | O_NOFOLLOW));
  struct stat info {};
  if (::fstat(node.get(), &info) < 0) return Error::Errno(errno, "look at '" + name + "'");
  if (S_ISLNK(info.st_mode)) return Error(Code::kConflict, "'" + name + "' was replaced by a symbolic link meanwhile");
  return SetMode(node.get(), mode);
}

}  // namespace estiba::os
