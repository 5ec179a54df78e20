#pragma once
// Pseudoterminals (pty(7)).

#include <cstdint>

#include "os/fd.h"

namespace estiba::os {

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
};
// A new pair from the host's devpts. Neither becomes the controlling terminal.
Result<Terminal> OpenTerminal();
// From an open ptmx of any devpts instance: unlocks it and opens its slave without a path (TIOCGPTPEER,
// Linux 4.13).
Result<UniqueFd> OpenTerminalPeer(int master);

// TIOCSWINSZ; the foreground process group gets SIGWINCH.
Status SetTerminalSize(int terminal, std::uint16_t rows, std::uint16_t columns);
struct TerminalSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};
Result<TerminalSize> GetTerminalSize(int terminal);

}  // namespace estiba::os
