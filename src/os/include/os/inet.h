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
// As BindInet, for a listening TCP socket: connections of an earlier one that the kernel remembers do no harm.
// EADDRINUSE also from listen(2).
Result<UniqueFd> ListenInet(const InetPeer& own, int backlog);
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
// As ConnectInet, with the address and port of somebody else as its source (IP_TRANSPARENT: CAP_NET_ADMIN in the user
// namespace that owns the network), and what it sends marked. The port is another where that one is in use.
Result<UniqueFd> ConnectAs(int type, const InetPeer& source, const InetPeer& peer, std::uint32_t mark);
// The address that the kernel would take as source for datagrams to `peer`.
Result<std::string> SourceFor(const InetPeer& peer);
// The other end of a connected socket.
Result<InetPeer> PeerAddress(int socket);
// What is sent goes at once (TCP_NODELAY); a peer that has vanished is found out (SO_KEEPALIVE).
Status RelayTcp(int socket);
// The next close(2) resets the connection.
void ResetAtClose(int socket);
// What a connection under way has come to (SO_ERROR): 0 or an errno.
int ConnectionError(int socket);

// Datagrams of a socket are to be received with the address they were sent to, and sent from it (IP_PKTINFO).
Status TellDestinations(int socket);
struct Datagram {
  Sender sender;
  std::string to;  // 4 or 16 bytes: the address of ours that it came to
};
// recvmsg(2), answers and errno alike.
ssize_t ReceiveDatagram(int socket, std::span<char> buffer, Datagram* about);
// The answer to such a one, from where it came to.
ssize_t AnswerDatagram(int socket, std::string_view bytes, const Datagram& about);
// The address of a sender; its interface stays empty, of a link-local address too.
InetPeer PeerOf(const Sender& sender);

// recvfrom(2) and sendto(2), answers and errno alike. A longer datagram's size is told, its end is lost (MSG_TRUNC).
ssize_t ReceiveFrom(int socket, std::span<char> buffer, Sender* from);
ssize_t SendTo(int socket, std::string_view bytes, const Sender& to);

}  // namespace estiba::os
