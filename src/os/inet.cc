#include "os/inet.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

Status Set(int socket, int level, int option, int value = 1) {
  if (::setsockopt(socket, level, option, &value, sizeof value) < 0) return Error::Errno(errno, "set up a socket");
  return Ok();
}

InetPeer AddressOf(const sockaddr_storage& name) {
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

// By getsockname(2) or getpeername(2).
Result<sockaddr_storage> NameOf(int socket, decltype(&::getsockname) ask, const char* what) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (ask(socket, reinterpret_cast<sockaddr*>(&name), &size) < 0) return Error::Errno(errno, what);
  return name;
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
  if (own.address.size() == sizeof(in6_addr)) TRY(Set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY));
  const Sender name = TRY(NameOf(fd.get(), own));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name.name), name.size) < 0)
    return Error::Errno(errno, "bind port " + std::to_string(own.port));
  return fd;
}

Result<UniqueFd> ListenInet(const InetPeer& own, int backlog) {
  UniqueFd fd = TRY(OpenFor(own, SOCK_STREAM, 0));
  TRY(Set(fd.get(), SOL_SOCKET, SO_REUSEADDR));
  if (own.address.size() == sizeof(in6_addr)) TRY(Set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY));
  const Sender name = TRY(NameOf(fd.get(), own));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name.name), name.size) < 0)
    return Error::Errno(errno, "bind port " + std::to_string(own.port));
  TRY(Listen(fd.get(), backlog));
  return fd;
}

Result<UniqueFd> ConnectAs(int type, const InetPeer& source, const InetPeer& peer, std::uint32_t mark) {
  UniqueFd fd = TRY(OpenFor(peer, type, 0));
  const bool six = peer.address.size() == sizeof(in6_addr);
  TRY(Set(fd.get(), SOL_SOCKET, SO_REUSEADDR));
  TRY(Set(fd.get(), six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TRANSPARENT : IP_TRANSPARENT));
  TRY(Set(fd.get(), SOL_SOCKET, SO_MARK, static_cast<int>(mark)));
  const Sender from = TRY(NameOf(fd.get(), source));
  const Sender to = TRY(NameOf(fd.get(), peer));
  int failed = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from.name), from.size);
  if (failed == 0) failed = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.name), to.size);
  if (failed == 0 || errno == EINPROGRESS) return fd;
  const int err = errno;
  const bool taken = err == EADDRINUSE || err == EADDRNOTAVAIL;
  if (!taken || source.port == 0) return Error::Errno(err, "connect to port " + std::to_string(peer.port));
  return ConnectAs(type, {source.address, 0}, peer, mark);
}

Result<std::string> SourceFor(const InetPeer& peer) {
  const UniqueFd probe = TRY(ConnectInet(SOCK_DGRAM, peer));
  return TRY(LocalAddress(probe.get())).address;
}

Status RelayTcp(int socket) {
  TRY(Set(socket, IPPROTO_TCP, TCP_NODELAY));
  return Set(socket, SOL_SOCKET, SO_KEEPALIVE);
}

void ResetAtClose(int socket) {
  const linger now{1, 0};
  [[maybe_unused]] const int set = ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

int ConnectionError(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

Status Listen(int socket, int backlog) {
  if (::listen(socket, backlog) < 0) return Error::Errno(errno, "listen");
  return Ok();
}

Result<InetPeer> LocalAddress(int socket) {
  return AddressOf(TRY(NameOf(socket, ::getsockname, "ask for a socket's address")));
}

Result<InetPeer> PeerAddress(int socket) {
  return AddressOf(TRY(NameOf(socket, ::getpeername, "ask for a connection's other end")));
}

InetPeer PeerOf(const Sender& sender) { return AddressOf(sender.name); }

Result<int> ProtocolOf(int socket) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  if (::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
    return Error::Errno(errno, "ask for a socket's protocol");
  return protocol;
}

Result<std::uint16_t> LocalPort(int socket) {
  const sockaddr_storage name = TRY(NameOf(socket, ::getsockname, "ask for a socket's port"));
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

Status TellDestinations(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) < 0)
    return Error::Errno(errno, "ask for a socket's address");
  const bool six = name.ss_family == AF_INET6;
  return Set(socket, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVPKTINFO : IP_PKTINFO);
}

ssize_t ReceiveDatagram(int socket, std::span<char> buffer, Datagram* about) {
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr header{};
  header.msg_name = &about->sender.name;
  header.msg_namelen = sizeof about->sender.name;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t n = ::recvmsg(socket, &header, 0);
  if (n < 0) return n;
  about->sender.size = header.msg_namelen;
  about->to.clear();
  for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(one), sizeof info);
      about->to.assign(reinterpret_cast<const char*>(&info.ipi_addr), sizeof info.ipi_addr);
    }
    if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(one), sizeof info);
      about->to.assign(reinterpret_cast<const char*>(&info.ipi6_addr), sizeof info.ipi6_addr);
    }
  }
  return n;
}

ssize_t AnswerDatagram(int socket, std::string_view bytes, const Datagram& about) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  msghdr header{};
  header.msg_name = const_cast<sockaddr_storage*>(&about.sender.name);
  header.msg_namelen = about.sender.size;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* from = CMSG_FIRSTHDR(&header);
  if (about.to.size() == sizeof(in_addr)) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, about.to.data(), sizeof info.ipi_spec_dst);
    from->cmsg_level = IPPROTO_IP;
    from->cmsg_type = IP_PKTINFO;
    from->cmsg_len = static_cast<decltype(from->cmsg_len)>(CMSG_LEN(sizeof info));
    std::memcpy(CMSG_DATA(from), &info, sizeof info);
    header.msg_controllen = static_cast<decltype(header.msg_controllen)>(CMSG_SPACE(sizeof info));
  } else if (about.to.size() == sizeof(in6_addr)) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, about.to.data(), sizeof info.ipi6_addr);
    from->cmsg_level = IPPROTO_IPV6;
    from->cmsg_type = IPV6_PKTINFO;
    from->cmsg_len = static_cast<decltype(from->cmsg_len)>(CMSG_LEN(sizeof info));
    std::memcpy(CMSG_DATA(from), &info, sizeof info);
  } else {
    header.msg_control = nullptr;
    header.msg_controllen = 0;
  }
  return ::sendmsg(socket, &header, MSG_NOSIGNAL);
}

}  // namespace estiba::os
