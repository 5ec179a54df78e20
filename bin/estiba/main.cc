#include <fcntl.h>

#include "cli/main.h"

namespace {

// A shell may have closed them (`<&- >&-`). Nothing that is opened later may come to be taken for one of the three.
void OpenStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) != fd) return;  // NOLINT: 0, 1 and 2 are kept across exec
  }
}

}  // namespace

int main(int argc, char** argv) {
  OpenStandardDescriptors();
  return estiba::cli::Main(argc, argv);
}
