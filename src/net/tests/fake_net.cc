#include "tests/fake_net.h"

#include <chrono>

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

sockaddr_in Name(const char* address, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &name.sin_addr);
  return name;
}

os::UniqueFd SocketIn(int netns, int type) {
  os::UniqueFd fd;
  const auto open = [&]() -> Status {
    fd.Reset(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return Ok();
  };
  EXPECT_TRUE(os::InNetworkNamespace(netns, open).ok());
  return fd;
}

// Address, up and, for the far side, a default route.
void Configure(const std::string& link, const char* address, const char* gateway) {
  auto socket = os::NetlinkSocket::Open(NETLINK_ROUTE).value();
  const auto found = FindLink(socket, link).value();
  ASSERT_TRUE(found) << link;
  os::NetlinkBatch batch;
  AddAddress(batch, found->index, ParseInterfaceAddress(address).value());
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
    batch.Put(RTA_GATEWAY, ParseIpv4(gateway).value().Bytes());
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
  const std::string gateway = ToString(ParseInterfaceAddress(here_address).value().address);
  const auto far = [&]() -> Status {
    Configure(there, there_address, gateway.c_str());
    return Ok();
  };
  ASSERT_TRUE(os::InNetworkNamespace(netns, far).ok());
}

os::UniqueFd Listen(int netns, std::uint16_t port) {
  os::UniqueFd fd = SocketIn(netns, SOCK_STREAM);
  const sockaddr_in name = Name("0.0.0.0", port);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

Connected TryConnect(int netns, const char* address, std::uint16_t port, std::chrono::milliseconds patience) {
  Connected result;
  result.socket = SocketIn(netns, SOCK_STREAM);
  const sockaddr_in name = Name(address, port);
  const int rc = ::connect(result.socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
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
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  const os::UniqueFd connection(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
  if (!connection.valid()) return {};
  return ToString(Ipv4{ntohl(peer.sin_addr.s_addr)});
}

os::UniqueFd UdpSocket(int netns, std::uint16_t port) {
  os::UniqueFd fd = SocketIn(netns, SOCK_DGRAM);
  const sockaddr_in name = Name("0.0.0.0", port);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  return fd;
}

void Send(const os::UniqueFd& socket, const char* address, std::uint16_t port) {
  const sockaddr_in name = Name(address, port);
  EXPECT_EQ(::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&name), sizeof name), 1);
}

std::string ReceiveFrom(const os::UniqueFd& socket, std::chrono::milliseconds patience) {
  pollfd wait{socket.get(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(patience.count())) != 1) return {};
  char byte;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  if (::recvfrom(socket.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&peer), &size) != 1) return {};
  return ToString(Ipv4{ntohl(peer.sin_addr.s_addr)});
}

}  // namespace estiba::net::testing
