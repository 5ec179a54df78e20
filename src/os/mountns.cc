#include "os/mountns.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/log.h"
#include "os/process.h"

namespace estiba::os {

Status InPrivateMounts(const std::function<Status()>& work) {
  if (!SingleThreaded()) return Error(Code::kInternal, "make a mount namespace: the process has several threads");
  const UniqueFd home = TRY(OpenAt({AT_FDCWD}, "/proc/self/ns/mnt", O_RDONLY));
  const UniqueFd folder = TRY(OpenAt({AT_FDCWD}, ".", O_PATH | O_DIRECTORY));
  if (::unshare(CLONE_NEWNS) < 0) return Error::Errno(errno, "make a mount namespace");
  Status status = Ok();
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0)
    status = Error::Errno(errno, "cut mount propagation to the host");
  if (status.ok()) status = work();
  if (::setns(home.get(), CLONE_NEWNS) < 0 || ::fchdir(folder.get()) < 0) {
    log::Error("cannot return to our own mount namespace");
    std::abort();
  }
  return status;
}

Status BindTree(const std::string& source, const std::string& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0) return Ok();
  return Error::Errno(errno, "bind '" + source + "' on '" + target + "'");
}

}  // namespace estiba::os
