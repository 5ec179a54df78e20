#include "sealed.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/memfd.h"

namespace estiba::ocicli {

Status RunSealed(char** argv) {
  const os::UniqueFd self = TRY_CTX(os::OpenAt({AT_FDCWD}, "/proc/self/exe", O_RDONLY), "copy this program");
  const int seals = ::fcntl(self.get(), F_GET_SEALS);  // fails on anything but a memfd
  if (seals >= 0 && (seals & kSeals) == kSeals) return Ok();
  const os::UniqueFd copy = TRY_CTX(os::CopyToSealedMemfd("estiba-oci", "/proc/self/exe"), "copy this program");
  ::fexecve(copy.get(), argv, environ);
  return Error::Errno(errno, "run the sealed copy of this program");
}

}  // namespace estiba::ocicli
