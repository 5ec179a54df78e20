#pragma once
// Internet sockets (ip(7), udp(7), tcp(7)), all non-blocking.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "os/fd.h"

namespace estiba::os {

struct InetPeer {
  std::string address;  // 4 or 16 bytes, network order
  std::uint16_t port = 0;
  std::string interface{};  // of a link-local IPv6 address, else empty
};
// From a port that the kernel chooses at random. SOCK_DGRAM hears nobody but the peer; SOCK_STREAM is under way and
// becomes writable when it is connected or has failed, which the next write tells.
Result<UniqueFd> ConnectInet(int type, const InetPeer& peer);
// A socket bound to that address and port, without SO_REUSEADDR, nobody listening; `protocol` IPPROTO_SCTP or 0. One of
// IPv6 leaves IPv4 to others. The error keeps socket(2)'s or bind(2)'s errno.
Result<UniqueFd> BindInet(int type, const InetPeer& own, int protocol = 0);
Status Listen(int socket, int backlog);
// The port that a bound socket has.
Result<std::uint16_t> LocalPort(int socket);

// What a bound socket is bound to.
Result<InetPeer> LocalAddress(int socket);
// IPPROTO_… of a socket.
Result<int> ProtocolOf(int socket);

// Who sent a datagram.
struct Sender {
  sockaddr_storage name;
  socklen_t size;
};
// recvfrom(2) and sendto(2), answers and errno alike. A longer datagram's size is told, its end is lost (MSG_TRUNC).
ssize_t ReceiveFrom(int socket, std::span<char> buffer, Sender* from);
ssize_t SendTo(int socket, std::string_view bytes, const Sender& to);

}  // namespace estiba::os
