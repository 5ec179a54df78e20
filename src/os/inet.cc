#include "os/inet.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

namespace estiba::os {
namespace {

// By a socket that there is: if_nametoindex(3) opens one of the UNIX family, which a sandbox may refuse.
Result<unsigned> IndexOf(int socket, const std::string& interface) {
  ifreq request{};
  if (interface.size() >= sizeof request.ifr_name)
    return Error(Code::kInvalidArgument, "interface name '" + interface + "' is too long");
  std::memcpy(request.ifr_name, interface.data(), interface.size());
  if (::ioctl(socket, SIOCGIFINDEX, &request) < 0) return Error::Errno(errno, "find interface '" + interface + "'");
  return static_cast<unsigned>(request.ifr_ifindex);
}

Result<Sender> NameOf(int socket, const InetPeer& peer) {
  Sender name{};
  if (peer.address.size() == sizeof(in_addr)) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(peer.port);
    std::memcpy(&four.sin_addr, peer.address.data(), sizeof four.sin_addr);
    std::memcpy(&name.name, &four, sizeof four);
    name.size = sizeof four;
    return name;
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(peer.port);
  std::memcpy(&six.sin6_addr, peer.address.data(), sizeof six.sin6_addr);
  if (!peer.interface.empty()) six.sin6_scope_id = TRY(IndexOf(socket, peer.interface));
  std::memcpy(&name.name, &six, sizeof six);
  name.size = sizeof six;
  return name;
}

Result<UniqueFd> OpenFor(const InetPeer& peer, int type, int protocol) {
  const bool four = peer.address.size() == sizeof(in_addr);
  if (!four && peer.address.size() != sizeof(in6_addr))
    return Error(Code::kInvalidArgument, "open socket: not an IP address");
  UniqueFd fd(::socket(four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (const int err = errno; !fd.valid()) return Error::Errno(err, "open socket");
  return fd;
}

}  // namespace

Result<UniqueFd> ConnectInet(int type, const InetPeer& peer) {
  UniqueFd fd = TRY(OpenFor(peer, type, 0));
  const Sender name = TRY(NameOf(fd.get(), peer));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name.name), name.size) < 0 && errno != EINPROGRESS)
    return Error::Errno(errno, "connect to port " + std::to_string(peer.port));
  return fd;
}

Result<UniqueFd> BindInet(int type, const InetPeer& own, int protocol) {
  UniqueFd fd = TRY(OpenFor(own, type, protocol));
  const int one = 1;
  if (own.address.size() == sizeof(in6_addr) &&
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
    return Error::Errno(errno, "keep a socket to IPv6");
  const Sender name = TRY(NameOf(fd.get(), own));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name.name), name.size) < 0)
    return Error::Errno(errno, "bind port " + std::to_string(own.port));
  return fd;
}

Status Listen(int socket, int backlog) {
  if (::listen(socket, backlog) < 0) return Error::Errno(errno, "listen");
  return Ok();
}

Result<InetPeer> LocalAddress(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) < 0)
    return Error::Errno(errno, "ask for a socket's address");
  InetPeer address;
  if (name.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &name, sizeof four);
    address.address.assign(reinterpret_cast<const char*>(&four.sin_addr), sizeof four.sin_addr);
    address.port = ntohs(four.sin_port);
    return address;
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &name, sizeof six);
  address.address.assign(reinterpret_cast<const char*>(&six.sin6_addr), sizeof six.sin6_addr);
  address.port = ntohs(six.sin6_port);
  return address;
}

Result<int> ProtocolOf(int socket) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  if (::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
    return Error::Errno(errno, "ask for a socket's protocol");
  return protocol;
}

Result<std::uint16_t> LocalPort(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) < 0)
    return Error::Errno(errno, "ask for a socket's port");
  // The port is at the same place in both families.
  sockaddr_in four{};
  std::memcpy(&four, &name, sizeof four);
  return ntohs(four.sin_port);
}

ssize_t ReceiveFrom(int socket, std::span<char> buffer, Sender* from) {
  from->size = sizeof from->name;
  return ::recvfrom(socket, buffer.data(), buffer.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from->name),
                    &from->size);
}

ssize_t SendTo(int socket, std::string_view bytes, const Sender& to) {
  return ::sendto(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to.name),
                  to.size);
}

}  // namespace estiba::os
