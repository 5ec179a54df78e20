#include "tls/telling.h"

#include <cerrno>

#include "base/text.h"
#include "os/socket.h"

namespace estiba::tls {

Status TellMade(int socket, int connection) {
  return connection < 0 ? os::SendMessage(socket, "+") : os::SendMessage(socket, "+", {connection});
}

Status TellFailed(int socket, const std::string& reason) { return os::SendMessage(socket, "-" + reason); }

// Neither a subject as RFC 2253 writes it nor an address has a bare line end.
Status TellVisitor(int socket, const Visitor& visitor, int connection) {
  return os::SendMessage(socket, "@" + visitor.address + "\n" + visitor.version + "\n" + visitor.certificate,
                         {connection});
}

Result<Told> Hear(int socket) {
  os::Message message = TRY(os::ReceiveMessage(socket));
  if (message.bytes.empty()) return Error::Errno(ECONNRESET, "hear of estiba-tls");
  Told told;
  if (!message.fds.empty()) told.connection = std::move(message.fds.front());
  if (message.bytes.front() == '+') {
    told.kind = Told::Kind::kMade;
  } else if (message.bytes.front() == '@' && told.connection.valid()) {
    told.kind = Told::Kind::kVisitor;
    std::vector<std::string> lines = Split(std::string_view(message.bytes).substr(1), '\n');
    lines.resize(3);
    told.visitor = {lines[0], lines[2], lines[1]};
  } else {
    told.reason = message.bytes.substr(1);
  }
  return told;
}

}  // namespace estiba::tls
