#pragma once
// An attached connection: our input to the container, its output to ours, signals and window sizes on the
// side. The connection may well be the monitor's, so it outlives the engine.

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/client.h"
#include "term/terminal.h"

namespace estiba::cli {

struct SessionOptions {
  bool tty = false;    // the stream is raw, not multiplexed
  bool input = false;  // send our standard input
  bool output = true;  // show standard output (and, on a terminal, everything)
  bool error = true;
  std::string detach_keys;  // bytes; used with a terminal only
  // Called on SIGWINCH with the new size.
  std::function<void(WindowSize)> resized;
  // Called for signals that ask something of the process; empty: they have their usual effect on us.
  std::function<void(int signal)> signalled;
  // Watched for the end of an answer we wait for: called once when it becomes readable.
  int watch_fd = -1;
  std::function<int()> watched;  // answers the next descriptor to watch, or -1
};

enum class SessionEnd : unsigned char { kClosed, kDetached };

// Copies until the other side closes or the user detaches. The terminal is raw while it lasts (with `tty` and
// `input`), and restored on every way out.
Result<SessionEnd> RunSession(http::Upgraded connection, SessionOptions options);

}  // namespace estiba::cli
