#include "os/splice.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace estiba::os {

Result<SplicePipe> MakeSplicePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return Error::Errno(errno, "make a pipe");
  SplicePipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // Beyond /proc/sys/fs/pipe-user-pages-soft it stays what it is, which is slower and no more.
  [[maybe_unused]] const int enlarged = ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kPipeBytes));
  return pipe;
}

ssize_t Splice(int from, int to, std::size_t size) {
  ssize_t n = 0;
  do n = ::splice(from, nullptr, to, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace estiba::os
