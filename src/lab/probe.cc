#include "probe.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include "os/netns.h"

namespace estiba::lab {
namespace {

struct Name {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Name NameOf(const Ip& address, std::uint16_t port) {
  Name name;
  if (address.v6) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    std::memcpy(&six.sin6_addr, address.bytes.data(), sizeof six.sin6_addr);
    std::memcpy(&name.storage, &six, sizeof six);
    name.length = sizeof six;
  } else {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&four.sin_addr, address.bytes.data(), sizeof four.sin_addr);
    std::memcpy(&name.storage, &four, sizeof four);
    name.length = sizeof four;
  }
  return name;
}

Result<os::UniqueFd> SocketIn(int ns, int family, int type, int protocol) {
  os::UniqueFd fd;
  const auto open = [&]() -> Status {
    fd.Reset(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (const int err = errno; !fd.valid()) return Error::Errno(err, "open a socket in the namespace");
    return Ok();
  };
  TRY(os::InNetworkNamespace(ns, open));
  return fd;
}

// RFC 1071.
std::uint16_t Checksum(const icmphdr& header) {
  std::array<std::uint16_t, sizeof header / 2> words{};
  std::memcpy(words.data(), &header, sizeof header);
  std::uint32_t sum = 0;
  for (const std::uint16_t word : words) sum += word;
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

}  // namespace

Status Probe::OpenPing() {
  fd_ = TRY(SocketIn(ns_, to_.v6 ? AF_INET6 : AF_INET, SOCK_RAW,
                     to_.v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP)));
  // Only answers of who is asked; with no way there yet, the next try opens another.
  const Name name = NameOf(to_, 0);
  if (::connect(fd_.get(), name.get(), name.length) < 0) fd_.Reset();
  return Ok();
}

void Probe::SendPing() {
  ++sequence_;
  if (to_.v6) {
    icmp6_hdr echo{};
    echo.icmp6_type = ICMP6_ECHO_REQUEST;
    echo.icmp6_id = htons(id_);
    echo.icmp6_seq = htons(sequence_);
    (void)::send(fd_.get(), &echo, sizeof echo, 0);  // asked again until the time is over
    return;
  }
  icmphdr echo{};
  echo.type = ICMP_ECHO;
  echo.un.echo.id = htons(id_);
  echo.un.echo.sequence = htons(sequence_);
  echo.checksum = Checksum(echo);
  (void)::send(fd_.get(), &echo, sizeof echo, 0);
}

Status Probe::Connect() {
  fd_ = TRY(SocketIn(ns_, to_.v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0));
  const Name name = NameOf(to_, tcp_);
  if (::connect(fd_.get(), name.get(), name.length) < 0 && errno != EINPROGRESS) fd_.Reset();
  return Ok();
}

Status Probe::Ask() {
  if (reached_) return Ok();
  if (tcp_ != 0) return Connect();
  if (!fd_.valid()) TRY(OpenPing());
  if (fd_.valid()) SendPing();
  return Ok();
}

short Probe::events() const { return tcp_ != 0 ? POLLOUT : POLLIN; }

bool Probe::ReadAnswers() {
  std::array<unsigned char, 2048> packet{};
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), packet.data(), packet.size(), 0);
    if (got < 0) return false;
    // A raw socket of IPv4 gets the header, too.
    const std::size_t head = to_.v6 ? 0 : std::size_t{packet[0] & 0x0fU} * 4;
    if (static_cast<std::size_t>(got) < head + 8) continue;
    const bool is_reply = packet[head] == (to_.v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && packet[head + 1] == 0;
    const unsigned id = static_cast<unsigned>(packet[head + 4]) << 8 | packet[head + 5];
    if (is_reply && id == id_) return true;
  }
}

bool Probe::Reached() {
  if (reached_ || !fd_.valid()) return reached_;
  if (tcp_ == 0) return reached_ = ReadAnswers();
  pollfd one{fd_.get(), POLLOUT, 0};
  if (::poll(&one, 1, 0) <= 0) return false;
  int error = 0;
  socklen_t length = sizeof error;
  reached_ = ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0 &&
             (one.revents & (POLLERR | POLLHUP)) == 0;
  fd_.Reset();
  return reached_;
}

Result<os::UniqueFd> ListenIn(int ns, bool v6, std::uint16_t port) {
  os::UniqueFd fd = TRY(SocketIn(ns, v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0));
  const int on = 1;
  // A port that served the check before has connections in TIME_WAIT.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
    return Error::Errno(errno, "share a port with what is left of connections");
  if (v6 && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
    return Error::Errno(errno, "listen for IPv6 only");
  const Name name = NameOf(Ip{v6, {}}, port);
  if (::bind(fd.get(), name.get(), name.length) < 0 || ::listen(fd.get(), SOMAXCONN) < 0) {
    if (const int err = errno; err != EADDRINUSE) return Error::Errno(err, "listen on port " + std::to_string(port));
    fd.Reset();
  }
  return fd;
}

}  // namespace estiba::lab
