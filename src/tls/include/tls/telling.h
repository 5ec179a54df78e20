#pragma once
// What estiba-tls tells the engine and the command line, which start it, over a SEQPACKET socket; one message each:
//   "+"        from the gate: it is ready; from the dialer: the connection is made (without TLS, its descriptor beside)
//   "-REASON"  it could not be, or has been cut since
//   "@…"       from the gate: a client has come in, its connection beside

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::tls {

struct Visitor {
  std::string address;      // "192.0.2.1:51234"
  std::string certificate;  // subject of the client's, "" when it had to show none
  std::string version;      // "TLSv1.3"
};

struct Told {
  enum class Kind : unsigned char { kMade, kFailed, kVisitor };
  Kind kind = Kind::kFailed;
  std::string reason{};
  Visitor visitor{};
  os::UniqueFd connection{};
};

Status TellMade(int socket, int connection = -1);
Status TellFailed(int socket, const std::string& reason);
// EAGAIN from a full non-blocking socket.
Status TellVisitor(int socket, const Visitor& visitor, int connection);

// The next message; kUnavailable with ECONNRESET at the end, EAGAIN as ReceiveMessage has it.
Result<Told> Hear(int socket);

}  // namespace estiba::tls
