#pragma once
// The user's terminal.

#include <cstdint>
#include <optional>

#include <termios.h>

#include "base/result.h"

namespace estiba::cli {

struct WindowSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  bool operator==(const WindowSize&) const = default;
};

bool IsTerminal(int fd);
// Nothing when `fd` is no terminal or does not know.
std::optional<WindowSize> GetWindowSize(int fd);

// Puts a terminal into raw mode for as long as it lives. The descriptor is borrowed.
class RawMode {
 public:
  static Result<RawMode> Enter(int fd);
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();
  void Restore();

 private:
  RawMode(int fd, const termios& before) : fd_(fd), before_(before) {}
  int fd_ = -1;
  termios before_{};
};

}  // namespace estiba::cli
