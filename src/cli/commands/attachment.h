#pragma once
// What run, start, attach and exec have in common once a connection is there.

#include <string>

#include "client/api.h"
#include "client/exit_waiter.h"
#include "term/session.h"

namespace estiba::cli {

struct AttachOptions {
  std::string id;
  bool tty = false;
  bool input = false;
  bool output = true;
  bool error = true;
  bool sig_proxy = true;
  std::string detach_keys;  // as given; "" for the default
};

// Opens the stream of a container that may not have started yet.
Result<http::Upgraded> OpenAttach(Api* api, const AttachOptions& options);
// Copies until the end. `waiter` is advanced on the way.
Result<SessionEnd> RunAttached(Api* api, http::Upgraded connection, const AttachOptions& options,
                               ExitWaiter* waiter);

// Tells the engine the terminal's size; `path` is that of a container or an exec. Errors do not matter: the
// process may have ended.
void SendSize(Api* api, const std::string& path, WindowSize size);

// "the input device is not a TTY" when input of a terminal was asked for and ours is none.
Status CheckInputIsTerminal(bool input, bool tty);

// --detach-keys, told before anything is started that could be left running. "" is the default.
Status CheckDetachKeys(std::string_view keys);

// The exit code of a start that failed: 127 when the command was not found, 126 when it cannot be run, else
// 125.
int CodeOfStartError(const std::string& message);

}  // namespace estiba::cli
