#include "term/terminal.h"

#include <cerrno>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

namespace estiba::cli {

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

std::optional<WindowSize> GetWindowSize(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

Result<RawMode> RawMode::Enter(int fd) {
  termios before{};
  if (::tcgetattr(fd, &before) != 0) return Error::Errno(errno, "read the terminal's settings");
  termios raw = before;
  ::cfmakeraw(&raw);
  // Output, too: the container's own terminal has added the carriage returns.
  if (::tcsetattr(fd, TCSANOW, &raw) != 0) return Error::Errno(errno, "make the terminal raw");
  return RawMode(fd, before);
}

RawMode::RawMode(RawMode&& other) noexcept : fd_(std::exchange(other.fd_, -1)), before_(other.before_) {}

RawMode::~RawMode() { Restore(); }

void RawMode::Restore() {
  if (fd_ < 0) return;
  // Nothing more can be done when this fails: the terminal has gone.
  (void)::tcsetattr(std::exchange(fd_, -1), TCSANOW, &before_);
}

}  // namespace estiba::cli
