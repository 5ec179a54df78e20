#pragma once
// From a pipe to a socket within the kernel.

#include <chrono>

#include "base/result.h"

namespace estiba::http {

// Everything that comes from `pipe` until its end to `socket`, which does not block, as chunks (RFC 9112, section 7.1)
// or as it is; the last, empty chunk is not written. kUnavailable when the peer has gone or takes nothing for
// `timeout`: a chunk may then be cut. SIGPIPE has to be ignored.
Status SplicePipe(int pipe, int socket, bool chunked, std::chrono::milliseconds timeout);

}  // namespace estiba::http
