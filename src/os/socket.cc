#include "os/socket.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/file.h"

namespace estiba::os {
namespace {

constexpr std::size_t kMaxDescriptors = 16;

struct Address {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  UniqueFd parent;  // keeps "/proc/self/fd/N" alive while the address is used
};

Result<Address> MakeAddress(const std::string& path) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::string text = path;
  if (text.starts_with('@') && text.size() < sizeof address.name.sun_path) {
    std::memcpy(address.name.sun_path + 1, text.data() + 1, text.size() - 1);
    address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
    return address;
  }
  if (text.size() >= sizeof address.name.sun_path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return Error(Code::kInvalidArgument, "socket path '" + path + "' is too long");
    address.parent = TRY(OpenAt({AT_FDCWD}, path.substr(0, slash), O_PATH | O_DIRECTORY));
    text = "/proc/self/fd/" + std::to_string(address.parent.get()) + path.substr(slash);
    if (text.size() >= sizeof address.name.sun_path)
      return Error(Code::kInvalidArgument, "socket name '" + path + "' is too long");
  }
  std::memcpy(address.name.sun_path, text.c_str(), text.size() + 1);
  return address;
}

Result<UniqueFd> MakeSocket(int type) {
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (const int err = errno; fd < 0) return Error::Errno(err, "make a socket");
  return UniqueFd(fd);
}

const sockaddr* Name(const Address& address) { return reinterpret_cast<const sockaddr*>(&address.name); }

void TakeDescriptors(msghdr& header, std::vector<UniqueFd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

Result<UniqueFd> ListenUnix(const std::string& path, int type, unsigned mode, int backlog) {
  const Address address = TRY(MakeAddress(path));
  UniqueFd socket = TRY(MakeSocket(type | SOCK_NONBLOCK));
  // The mode of the socket's file comes from the descriptor's mode at bind(2): no window with a wider one.
  if (::fchmod(socket.get(), mode) < 0 || ::bind(socket.get(), Name(address), address.size) < 0)
    return Error::Errno(errno, "bind '" + path + "'");
  if (::chmod(address.name.sun_path, mode) < 0) return Error::Errno(errno, "set the mode of '" + path + "'");
  if (::listen(socket.get(), backlog) < 0) return Error::Errno(errno, "listen on '" + path + "'");
  return socket;
}

Result<UniqueFd> ConnectUnix(const std::string& path, int type) {
  const Address address = TRY(MakeAddress(path));
  UniqueFd socket = TRY(MakeSocket(type));
  if (::connect(socket.get(), Name(address), address.size) < 0)
    return Error::Errno(errno, "connect to '" + path + "'");
  return socket;
}

Result<UniqueFd> BindDatagram(const std::string& path, unsigned mode) {
  const Address address = TRY(MakeAddress(path));
  UniqueFd socket = TRY(MakeSocket(SOCK_DGRAM));
  if (::bind(socket.get(), Name(address), address.size) < 0) return Error::Errno(errno, "bind '" + path + "'");
  if (::chmod(address.name.sun_path, mode) < 0) return Error::Errno(errno, "set the mode of '" + path + "'");
  return socket;
}

Result<SocketPair> MakeSocketPair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) return Error::Errno(errno, "make a socket pair");
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> Accept(int listener) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) return UniqueFd(fd);
  if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return UniqueFd();
  return Error::Errno(errno, "accept a connection");
}

Result<PeerCredentials> GetPeer(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return Error::Errno(errno, "read peer credentials");
  return PeerCredentials{peer.pid, peer.uid, peer.gid};
}

Status SendMessage(int socket, std::string_view bytes, const std::vector<int>& fds) {
  if (fds.size() > kMaxDescriptors) return Error(Code::kInvalidArgument, "send more than 16 descriptors");
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = static_cast<decltype(header.msg_controllen)>(CMSG_SPACE(fds.size() * sizeof(int)));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = static_cast<decltype(rights->cmsg_len)>(CMSG_LEN(fds.size() * sizeof(int)));
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t n = 0;
  do n = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) return Error::Errno(errno, "send a message");
  if (static_cast<std::size_t>(n) != bytes.size()) return WriteAll(socket, bytes.substr(static_cast<std::size_t>(n)));
  return Ok();
}

ssize_t ReceiveBytes(int socket, char* buffer, std::size_t size, UniqueFd* passed) {
  iovec part{buffer, size};
  // With its padding this has room for two; the kernel opens no more than fit.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  const int error = errno;
  if (n < 0) return n;
  std::vector<UniqueFd> fds;
  TakeDescriptors(header, fds);
  if (!fds.empty()) *passed = std::move(fds.front());
  errno = error;
  return n;
}

Result<Message> ReceiveMessage(int socket, std::size_t limit) {
  Message message;
  message.bytes.resize(limit);
  iovec part{message.bytes.data(), limit};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t n = 0;
  do n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) return Error::Errno(errno, "receive a message");
  TakeDescriptors(header, message.fds);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return Error(Code::kDataLoss, "receive a message: it was cut short");
  message.bytes.resize(static_cast<std::size_t>(n));
  return message;
}

}  // namespace estiba::os
