#include "lab/capture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include "net/topology.h"
#include "os/file.h"
#include "os/netns.h"

namespace estiba::lab {
namespace {

constexpr std::uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kLinkTypeEthernet = 1;
constexpr std::size_t kMaxPacket = 262144;  // offloaded segments are longer than any MTU
constexpr int kReceiveBuffer = 8 << 20;

// Both in the byte order of who writes.
struct FileHeader {
  std::uint32_t magic = kMagicNanoseconds;
  std::uint16_t major = 2, minor = 4;
  std::uint32_t zone = 0, accuracy = 0;
  std::uint32_t snaplen = 0;
  std::uint32_t link_type = kLinkTypeEthernet;
};
struct PacketHeader {
  std::uint32_t seconds = 0, nanoseconds = 0;
  std::uint32_t kept = 0, length = 0;
};
static_assert(sizeof(FileHeader) == 24 && sizeof(PacketHeader) == 16);

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

Result<os::UniqueFd> OpenTap(const std::string& interface) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  const int index = TRY(net::LinkIndex(socket, interface));
  // Of protocol 0 it hears nothing until it is bound to the one interface.
  os::UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (const int err = errno; !fd.valid()) return Error::Errno(err, "open a packet socket");
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
    return Error::Errno(errno, "ask for the times of packets");
  // More room means fewer losses; without it some are lost sooner.
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_ALL);
  name.sll_ifindex = index;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) < 0)
    return Error::Errno(errno, "listen on '" + interface + "'");
  return fd;
}

timespec TimeOf(msghdr& message) {
  timespec time{};
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one))
    if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_TIMESTAMPNS)
      std::memcpy(&time, CMSG_DATA(one), sizeof time);
  return time;
}

class Tap {
 public:
  Tap(int fd, const CaptureOptions& options, int out, bool loopback)
      : fd_(fd), options_(options), out_(out), loopback_(loopback), packet_(kMaxPacket, '\0') {}

  Status Run() {
    for (std::uint64_t taken = 0; options_.count == 0 || taken < options_.count;) {
      const bool more = TRY(Next(taken));
      if (!more) return Ok();
    }
    return Ok();
  }

 private:
  // One packet; false when there will be none any more.
  Result<bool> Next(std::uint64_t& taken) {
    sockaddr_ll from{};
    alignas(cmsghdr) std::array<char, 128> control{};
    iovec piece{packet_.data(), packet_.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(fd_, &message, MSG_TRUNC);
    if (const int err = errno; got < 0) {
      if (err == EINTR) return true;
      if (err == ENETDOWN || err == ENODEV) return false;  // down, or gone with the lab
      return Error::Errno(err, "receive packets");
    }
    // What lo sends it receives.
    if (loopback_ && from.sll_pkttype == PACKET_OUTGOING) return true;
    const std::string_view frame(packet_.data(), std::min(static_cast<std::size_t>(got), packet_.size()));
    if (!Matches(options_.filter, frame)) return true;
    TRY(WritePacket(frame, static_cast<std::uint32_t>(got), TimeOf(message)));
    ++taken;
    return true;
  }

  Status WritePacket(std::string_view frame, std::uint32_t length, const timespec& time) const {
    PacketHeader header;
    header.seconds = static_cast<std::uint32_t>(time.tv_sec);
    header.nanoseconds = static_cast<std::uint32_t>(time.tv_nsec);
    const std::string_view kept = frame.substr(0, options_.snaplen);
    header.kept = static_cast<std::uint32_t>(kept.size());
    header.length = length;
    return os::WriteAll(out_, std::string(AsBytes(header)).append(kept));
  }

  int fd_;
  const CaptureOptions& options_;
  int out_;
  bool loopback_;
  std::string packet_;
};

}  // namespace

Status Capture(int ns, const std::string& interface, const CaptureOptions& options, int out,
               const std::function<void()>& ready) {
  return os::InNetworkNamespace(ns, [&]() -> Status {
    const os::UniqueFd fd = TRY(OpenTap(interface));
    FileHeader header;
    header.snaplen = options.snaplen;
    TRY(os::WriteAll(out, AsBytes(header)));
    ready();
    return Tap(fd.get(), options, out, interface == "lo").Run();
  });
}

}  // namespace estiba::lab
