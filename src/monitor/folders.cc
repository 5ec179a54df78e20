#include "folders.h"

#include <cerrno>
#include <ctime>

#include <fcntl.h>

namespace estiba::monitor {

Result<os::UniqueFd> TakeLock(os::DirFd run_dir) {
  constexpr int kTries = 200;
  constexpr timespec kPause{0, 10'000'000};
  os::UniqueFd file = TRY(os::OpenAt(run_dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  for (int i = 0; i < kTries; ++i) {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_SETLK, &lock) == 0) return file;
    if (errno != EACCES && errno != EAGAIN && errno != EINTR)
      return Error::Errno(errno, "lock the container");
    ::nanosleep(&kPause, nullptr);
  }
  return Error(Code::kConflict, "lock the container: another monitor runs it");
}

}  // namespace estiba::monitor
