// Bridges, link pairs and translation, made as an engine makes them, in a network namespace that is gone
// afterwards.

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "findings.h"
#include "net/setup.h"
#include "os/file.h"
#include "os/netns.h"

namespace estiba::engine {
namespace {

constexpr Feature kTable{
    "Network", "nftables", true, "networks of containers and published ports (--network host and none work)",
    "modprobe nf_tables; or a kernel with CONFIG_NF_TABLES_INET and NAT: apt install linux-image-amd64"};
constexpr Feature kBridge{"Network", "bridge", true, "networks of containers (--network host and none work)",
                          "modprobe bridge"};
constexpr Feature kPair{"Network", "veth", true, "networks of containers (--network host and none work)",
                        "modprobe veth"};
constexpr Feature kIpv6{"Network", "IPv6", false, "networks with --ipv6",
                        "sysctl net.ipv6.conf.all.disable_ipv6=0"};
constexpr Feature kTun{"Network", "/dev/net/tun", false, "a user's containers reach no other host",
                       "modprobe tun"};

net::BridgeSpec ExampleBridge() {
  net::BridgeSpec bridge;
  bridge.name = "estiba-doctor";
  bridge.gateways.push_back({*ParseIp("192.0.2.1"), 24});
  return bridge;
}

Status TryPair(const std::string& bridge) {
  const os::UniqueFd other = TRY(os::CreateNetworkNamespace());
  net::VethSpec veth;
  veth.bridge = bridge;
  veth.host_name = "ve-doctor";
  veth.container_name = "eth0";
  veth.mac = net::MacFor(*ParseIp("192.0.2.2"));
  return net::AddVeth(veth, other.get());
}

}  // namespace

void ExamineNetwork(bool rootless, Findings& findings) {
  const net::BridgeSpec bridge = ExampleBridge();
  const Status table = net::EnsureTable();
  Tell(findings, kTable, table, "the table was made, with translation of addresses");
  const Status made = net::EnsureBridge(bridge);
  if (table.ok()) Tell(findings, kBridge, made, "made, with its address");
  if (made.ok()) Tell(findings, kPair, TryPair(bridge.name), "made, on the bridge");
  const bool v6 = ::access("/proc/sys/net/ipv6", F_OK) == 0;
  TellThere(findings, kIpv6, v6, FindingState::kLimited);
  if (!rootless) return;
  const auto tun = os::OpenAt({AT_FDCWD}, "/dev/net/tun", O_RDWR);
  Tell(findings, kTun, tun.ok() ? Ok() : Status(tun.error().Clone()), "can be opened",
       FindingState::kLimited);
}

}  // namespace estiba::engine
