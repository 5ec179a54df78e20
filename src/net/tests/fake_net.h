#pragma once
// Network namespaces to test in: everything happens in a forked child whose "host" is a fresh namespace, so nothing of
// the machine is touched and nothing is left.

#include <chrono>
#include <functional>
#include <string>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "net/setup.h"
#include "os/fd.h"
#include "tests/support.h"

namespace estiba::net::testing {

// True when we may make network namespaces and nf_tables answers in one.
bool CanMakeNetworks();
class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override { REQUIRE(CanMakeNetworks(), "root, network namespaces and nf_tables"); }
};
// Runs `body` in a forked child in a fresh network namespace with lo up; its gtest failures become one here.
void InFreshNetwork(const std::function<void()>& body);

// A namespace that lives as long as the descriptor; lo is down.
os::UniqueFd NewNetwork();
os::UniqueFd CurrentNetwork();
// A plain link pair, `here` in the current namespace, `there` in `netns`, both with addresses and up; the other side
// routes everything through us.
void Connect(const std::string& here, const char* here_address, int netns, const std::string& there,
             const char* there_address);

// A TCP listener on 0.0.0.0:port or [::]:port, for that family alone, in the namespace.
os::UniqueFd Listen(int netns, std::uint16_t port, bool v6 = false);
struct Connected {
  bool ok = false;
  int errnum = 0;  // ETIMEDOUT when nobody answered
  unsigned repeated = 0;  // packets that were lost and sent again
  os::UniqueFd socket;
};
Connected TryConnect(int netns, const char* address, std::uint16_t port,
                     std::chrono::milliseconds patience = std::chrono::milliseconds(2000));
// Accepts one connection; its source address, "" when there is none.
std::string AcceptFrom(const os::UniqueFd& listener);

// UDP on address and port; the sender's address of the next packet, "" when none comes.
os::UniqueFd UdpSocket(int netns, std::uint16_t port, const char* address = "0.0.0.0");
void Send(const os::UniqueFd& socket, const char* address, std::uint16_t port);
std::string ReceiveFrom(const os::UniqueFd& socket, std::chrono::milliseconds patience);

// How long a connection that must fail is given.
inline constexpr std::chrono::milliseconds kNever{300};
// Of a host and the machine beyond its link.
inline constexpr char kHost[] = "198.51.100.1", kOutside[] = "198.51.100.2";

inline Ip Address(const char* text) { return ParseIp(text).value(); }
inline IpPrefix Prefix(const char* text) { return ParseIpPrefix(text).value(); }

}  // namespace estiba::net::testing

// Said in nearly every line of tests with traffic.
namespace estiba::net {
using testing::AcceptFrom;
using testing::Address;
using testing::InFreshNetwork;
using testing::kHost;
using testing::kNever;
using testing::kOutside;
using testing::Listen;
using testing::Prefix;
using testing::TryConnect;
}  // namespace estiba::net
