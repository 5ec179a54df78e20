#include "ports.h"

#include <sys/socket.h>

#include "net/ports.h"
#include "os/socket.h"

namespace estiba::uplink {
namespace {

// One that does not would be reported to us without end.
bool Listens(int socket) {
  int listens = 0;
  socklen_t size = sizeof listens;
  return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

}  // namespace

Status Ports::Take(const std::vector<std::string>& lines, std::vector<os::UniqueFd>& sockets, bool last) {
  if (lines.size() != sockets.size())
    return Error(Code::kInvalidArgument, "take ports over: each needs a socket");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto there = served_.find(lines[i]);
    if (there != served_.end()) {
      named_.insert(served_.extract(there));
    } else {
      named_[lines[i]] = TRY(Serve(lines[i], std::move(sockets[i])));
    }
  }
  if (!last) return Ok();
  served_ = std::exchange(named_, {});
  return Ok();
}

Result<Ports::Port> Ports::Serve(const std::string& line, os::UniqueFd socket) {
  const net::PublishedPort port = TRY(net::ParseLine(line));
  TRY(os::SetNonBlocking(socket.get(), true));
  const int protocol = TRY(os::ProtocolOf(socket.get()));
  if (protocol != static_cast<int>(port.protocol))
    return Error(Code::kInvalidArgument, "take port '" + line + "' over: its socket is of another kind");
  const os::InetPeer target{port.container_ip.Bytes(), port.container_port};
  Port made;
  if (port.protocol == net::Protocol::kTcp) {
    if (!Listens(socket.get()))
      return Error(Code::kInvalidArgument, "take port '" + line + "' over: its socket does not listen");
    made.tcp = TRY(TcpPort::Create(loop_, relays_, std::move(socket), target));
  } else if (port.protocol == net::Protocol::kUdp) {
    made.udp = TRY(UdpPort::Create(loop_, std::move(socket), target, datagram_));
  } else {
    return Error(Code::kNotImplemented, "take port '" + line + "' over: only TCP and UDP are relayed");
  }
  return made;
}

void Ports::Resume() {
  for (auto& [line, port] : served_)
    if (port.tcp) port.tcp->Resume();
}

}  // namespace estiba::uplink
