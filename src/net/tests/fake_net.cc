#include "tests/fake_net.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#include "link.h"
#include "os/netns.h"
#include "tests/support.h"

namespace estiba::net::testing {
namespace {

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

int RunChild(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNET) < 0 || !BringLoopbackUp(CurrentNetwork().get()).ok()) ::_exit(99);
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// An address of either family, as the kernel takes it.
struct Name {
  Name() = default;
  Name(const char* address, std::uint16_t port) {
    const Ip ip = ParseIp(address).value();
    sockaddr_in four{};
    sockaddr_in6 six{};
    four.sin_family = AF_INET;
    six.sin6_family = AF_INET6;
    four.sin_port = six.sin6_port = htons(port);
    std::memcpy(&four.sin_addr, ip.bytes.data(), sizeof four.sin_addr);
    std::memcpy(&six.sin6_addr, ip.bytes.data(), sizeof six.sin6_addr);
    size = ip.v6 ? sizeof six : sizeof four;
    std::memcpy(&storage, ip.v6 ? static_cast<const void*>(&six) : &four, size);
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  std::string address() const {
    const char* raw = reinterpret_cast<const char*>(&storage);
    if (family() == AF_INET6) return ToString(*Ip::FromBytes({raw + offsetof(sockaddr_in6, sin6_addr), 16}));
    return ToString(*Ip::FromBytes({raw + offsetof(sockaddr_in, sin_addr), 4}));
  }
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
};

os::UniqueFd SocketIn(int netns, int family, int type) {
  os::UniqueFd fd;
  const auto open = [&]() -> Status {
    fd.Reset(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return Ok();
  };
  EXPECT_TRUE(os::InNetworkNamespace(netns, open).ok());
  const int one = 1;
  if (family == AF_INET6) {
    EXPECT_EQ(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one), 0);
  }
  return fd;
}

os::UniqueFd BoundIn(int netns, int type, const char* address, std::uint16_t port) {
  Name name(address, port);
  os::UniqueFd fd = SocketIn(netns, name.family(), type);
  EXPECT_EQ(::bind(fd.get(), name.get(), name.size), 0) << address << ": " << ::strerror(errno);
  return fd;
}

// Address, up and, for the far side, a default route.
void Configure(const std::string& link, const char* address, const char* gateway) {
  auto socket = os::NetlinkSocket::Open(NETLINK_ROUTE).value();
  const auto found = FindLink(socket, link).value();
  ASSERT_TRUE(found) << link;
  os::NetlinkBatch batch;
  AddAddress(batch, found->index, ParseIpPrefix(address).value());
  ifinfomsg up{};
  up.ifi_index = found->index;
  up.ifi_flags = up.ifi_change = IFF_UP;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, up);
  if (gateway != nullptr) {
    rtmsg route{};
    route.rtm_family = AF_INET;
    route.rtm_table = RT_TABLE_MAIN;
    route.rtm_protocol = RTPROT_BOOT;
    route.rtm_type = RTN_UNICAST;
    batch.Begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, route);
    batch.Put(RTA_GATEWAY, ParseIp(gateway).value().Bytes());
  }
  const auto status = Transact(socket, batch, "configure " + link);
  ASSERT_TRUE(status.ok()) << status.error().ToString();
}

}  // namespace

bool CanMakeNetworks() {
  return RunChild([] {
           const auto status = EnsureTable();
           if (!status.ok()) ADD_FAILURE() << status.error().ToString();
         }) == 0;
}

void InFreshNetwork(const std::function<void()>& body) {
  std::fflush(nullptr);
  EXPECT_EQ(RunChild(body), 0);
}

os::UniqueFd CurrentNetwork() { return os::OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY).value(); }

os::UniqueFd NewNetwork() {
  const os::UniqueFd home = CurrentNetwork();
  if (::unshare(CLONE_NEWNET) < 0) std::abort();
  os::UniqueFd fresh = CurrentNetwork();
  if (::setns(home.get(), CLONE_NEWNET) < 0) std::abort();
  return fresh;
}

void Connect(const std::string& here, const char* here_address, int netns, const std::string& there,
             const char* there_address) {
  auto socket = os::NetlinkSocket::Open(NETLINK_ROUTE).value();
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, here);
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, "veth");
  batch.BeginNest(IFLA_INFO_DATA);
  batch.BeginNest(VETH_INFO_PEER, AsBytes(ifinfomsg{}));
  batch.PutString(IFLA_IFNAME, there);
  batch.PutU32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  batch.EndNest();
  batch.EndNest();
  batch.EndNest();
  const auto status = Transact(socket, batch, "connect");
  ASSERT_TRUE(status.ok()) << status.error().ToString();
  Configure(here, here_address, nullptr);
  const std::string gateway = ToString(ParseIpPrefix(here_address).value().address);
  const auto far = [&]() -> Status {
    Configure(there, there_address, gateway.c_str());
    return Ok();
  };
  ASSERT_TRUE(os::InNetworkNamespace(netns, far).ok());
}

os::UniqueFd Listen(int netns, std::uint16_t port, bool v6) {
  os::UniqueFd fd = BoundIn(netns, SOCK_STREAM, v6 ? "::" : "0.0.0.0", port);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

Connected TryConnect(int netns, const char* address, std::uint16_t port, std::chrono::milliseconds patience) {
  Connected result;
  Name name(address, port);
  result.socket = SocketIn(netns, name.family(), SOCK_STREAM);
  const int rc = ::connect(result.socket.get(), name.get(), name.size);
  result.errnum = rc == 0 ? 0 : errno;
  if (rc != 0 && result.errnum == EINPROGRESS) {
    pollfd wait{result.socket.get(), POLLOUT, 0};
    result.errnum = ETIMEDOUT;
    socklen_t size = sizeof result.errnum;
    if (::poll(&wait, 1, static_cast<int>(patience.count())) == 1)
      ::getsockopt(result.socket.get(), SOL_SOCKET, SO_ERROR, &result.errnum, &size);
  }
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(result.socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
    result.repeated = info.tcpi_total_retrans;
  result.ok = result.errnum == 0;
  return result;
}

std::string AcceptFrom(const os::UniqueFd& listener) {
  pollfd wait{listener.get(), POLLIN, 0};
  if (::poll(&wait, 1, 1000) != 1) return {};
  Name peer;
  const os::UniqueFd connection(::accept4(listener.get(), peer.get(), &peer.size, SOCK_CLOEXEC));
  return connection.valid() ? peer.address() : std::string();
}

os::UniqueFd UdpSocket(int netns, std::uint16_t port, const char* address) {
  return BoundIn(netns, SOCK_DGRAM, address, port);
}

void Send(const os::UniqueFd& socket, const char* address, std::uint16_t port) {
  Name name(address, port);
  EXPECT_EQ(::sendto(socket.get(), "x", 1, 0, name.get(), name.size), 1);
}

std::string ReceiveFrom(const os::UniqueFd& socket, std::chrono::milliseconds patience) {
  pollfd wait{socket.get(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(patience.count())) != 1) return {};
  char byte;
  Name peer;
  if (::recvfrom(socket.get(), &byte, 1, 0, peer.get(), &peer.size) != 1) return {};
  return peer.address();
}

}  // namespace estiba::net::testing
