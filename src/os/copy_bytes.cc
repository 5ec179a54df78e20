#include "os/copy_bytes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sys/sendfile.h>
#include <unistd.h>

#include "os/file.h"

namespace estiba::os {
namespace {

// One call is stopped by a signal only between pages: a gigabyte is not for ever.
constexpr std::uint64_t kMost = 1U << 30;

using Step = ssize_t (*)(int from, int to, std::size_t most);

ssize_t CopyRange(int from, int to, std::size_t most) {
  return ::copy_file_range(from, nullptr, to, nullptr, most, 0U);
}
ssize_t SendFile(int from, int to, std::size_t most) { return ::sendfile(to, from, nullptr, most); }

// What these say of descriptors between which they do not go: other kinds of file, other file systems, O_APPEND.
bool IsUnable(int error) {
  return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS || error == EBADF;
}

Status Through(int from, int to, std::uint64_t limit, std::uint64_t* done) {
  std::array<char, 64 * 1024> buffer;
  while (*done < limit) {
    const ssize_t n = ::read(from, buffer.data(), std::min<std::uint64_t>(buffer.size(), limit - *done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read what to copy");
    if (n == 0) return Ok();
    TRY(WriteAll(to, {buffer.data(), static_cast<std::size_t>(n)}));
    *done += static_cast<std::uint64_t>(n);
  }
  return Ok();
}

}  // namespace

Result<std::uint64_t> CopyBytes(int from, int to, std::uint64_t limit) {
  constexpr std::array<Step, 2> kSteps{CopyRange, SendFile};
  std::uint64_t done = 0;
  for (const Step step : kSteps) {
    while (done < limit) {
      const ssize_t n = step(from, to, static_cast<std::size_t>(std::min(kMost, limit - done)));
      if (n > 0) done += static_cast<std::uint64_t>(n);
      if (n < 0 && errno != EINTR && !IsUnable(errno)) return Error::Errno(errno, "copy");
      if (n == 0 || (n < 0 && errno != EINTR)) break;
    }
  }
  // Also when they say that there is no more: some file systems say so of files that have no size (/proc).
  TRY(Through(from, to, limit, &done));
  return done;
}

}  // namespace estiba::os
