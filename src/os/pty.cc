#include "os/pty.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>

namespace estiba::os {

Result<UniqueFd> OpenTerminalPeer(int master) {
  const int locked = 0;
  if (::ioctl(master, TIOCSPTLCK, &locked) < 0) return Error::Errno(errno, "unlock a terminal");
  const int fd = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (const int err = errno; fd < 0) return Error::Errno(err, "open a terminal's other side");
  return UniqueFd(fd);
}

Result<Terminal> OpenTerminal() {
  UniqueFd master = TRY_CTX(OpenAt({AT_FDCWD}, "/dev/ptmx", O_RDWR | O_NOCTTY), "make a terminal");
  UniqueFd slave = TRY(OpenTerminalPeer(master.get()));
  return Terminal{std::move(master), std::move(slave)};
}

Status SetTerminalSize(int terminal, std::uint16_t rows, std::uint16_t columns) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  if (::ioctl(terminal, TIOCSWINSZ, &size) < 0) return Error::Errno(errno, "resize a terminal");
  return Ok();
}

Result<TerminalSize> GetTerminalSize(int terminal) {
  winsize size{};
  if (::ioctl(terminal, TIOCGWINSZ, &size) < 0) return Error::Errno(errno, "read a terminal's size");
  return TerminalSize{size.ws_row, size.ws_col};
}

}  // namespace estiba::os
