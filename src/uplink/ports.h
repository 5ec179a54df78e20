#pragma once
// The published ports of one container.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tcp_relay.h"
#include "udp_port.h"

namespace estiba::uplink {

class Ports {
 public:
  Ports(os::Loop& loop, TcpRelays& relays, std::span<char> datagram)
      : loop_(loop), relays_(relays), datagram_(datagram) {}

  // `lines` as in net/ports.h, with a socket that holds the host's port for each. Those that are served already go on
  // as they are. Comes in pieces: with the `last` one, what none of them named is served no more.
  Status Take(const std::vector<std::string>& lines, std::vector<os::UniqueFd>& sockets, bool last);
  void Resume();

 private:
  struct Port {
    std::unique_ptr<TcpPort> tcp;
    std::unique_ptr<UdpPort> udp;
  };
  Result<Port> Serve(const std::string& line, os::UniqueFd socket);

  os::Loop& loop_;
  TcpRelays& relays_;
  std::span<char> datagram_;
  std::map<std::string, Port> served_;  // by line
  std::map<std::string, Port> named_;   // of the pieces so far
};

}  // namespace estiba::uplink
