#include "os/descriptors.h"

#include <cerrno>

#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

constexpr unsigned kFirst = 3;

Status CloseRange(unsigned first, unsigned last) {
  if (first > last || ::syscall(SYS_close_range, first, last, 0) == 0) return Ok();
  return Error::Errno(errno, "close descriptors");
}

}  // namespace

Status CloseAllBut(int kept) {
  const auto middle = static_cast<unsigned>(kept);
  TRY(CloseRange(kFirst, middle - 1));
  return CloseRange(middle + 1, ~0U);
}

}  // namespace estiba::os
