#include "port_of.h"

#include "base/ip.h"
#include "net/ports.h"
#include "os/inet.h"

namespace estiba::monitor {

Result<std::string> PortOf(int socket) {
  const os::InetPeer bound = TRY(os::LocalAddress(socket));
  const Ip address = TRY(Ip::FromBytes(bound.address));
  const auto protocol = static_cast<net::Protocol>(TRY(os::ProtocolOf(socket)));
  return WithPort(address, bound.port) + ' ' + std::string(net::ToString(protocol));
}

}  // namespace estiba::monitor
