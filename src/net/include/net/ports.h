#pragma once
// Published ports: the forms of `-p`, and which host port a mapping gets. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace estiba::net {

enum class Protocol : std::uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };  // IPPROTO_…
std::string_view ToString(Protocol protocol);                             // "tcp", "udp", "sctp"
std::optional<Protocol> FindProtocol(unsigned number);
// Case does not matter. Anything else is "invalid proto: x".
Result<Protocol> ParseProtocol(std::string_view text);

// "80/tcp", "80" (tcp), as in EXPOSE and ExposedPorts; ranges give several.
struct ContainerPort {
  std::uint16_t port = 0;
  Protocol protocol = Protocol::kTcp;
  auto operator<=>(const ContainerPort&) const = default;
};
std::string ToString(const ContainerPort& port);
Result<ContainerPort> ParseContainerPort(std::string_view text);
Result<std::vector<ContainerPort>> ParseExpose(std::string_view text);

// One container port asked to be published. A host port is first == last, a range to choose from, or 0 (any).
struct PublishRequest {
  std::string host_ip;  // as given, "" when not
  std::uint16_t host_first = 0;
  std::uint16_t host_last = 0;
  ContainerPort container;
  auto operator<=>(const PublishRequest&) const = default;
};
// `[ip:][host[-last]:]container[-last][/proto]`; ranges of equal length pair up, a host range for one container port
// is a choice. Docker's messages ("invalid containerPort: x", "invalid hostPort: x", …).
Result<std::vector<PublishRequest>> ParsePublish(std::string_view text);
// The "HostPort" of the Docker API: "", "8080" or "8080-8090".
struct HostPortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};
Result<HostPortRange> ParseHostPort(std::string_view text);

// A decided mapping: what the nft maps hold and what a monitor's plan carries.
struct PublishedPort {
  Protocol protocol = Protocol::kTcp;
  Ip host_ip;  // 0.0.0.0, ::: every address of the host of that family
  std::uint16_t host_port = 0;
  Ip container_ip;
  std::uint16_t container_port = 0;
  auto operator<=>(const PublishedPort&) const = default;
  // In a routed network: reached at the container's own address, no port of the host's.
  bool IsOpened() const { return host_port == 0; }
  // The kernel cannot lead it there: from one family to the other, or from ::1, which leaves no host.
  bool NeedsProxy() const { return host_ip.v6 != container_ip.v6 || (host_ip.v6 && host_ip.IsLoopback()); }
  // Somebody has to pass on what comes, or, of [::], what comes to ::1 alone.
  bool IsRelayed() const {
    return NeedsProxy() || (host_ip.v6 && host_ip.IsAny() && protocol != Protocol::kSctp);
  }
};
// "0.0.0.0:8080 172.17.0.2:80 tcp", "[::]:80 [fd00::2]:80 tcp": as plans have it, and back (kDataLoss).
std::string ToLine(const PublishedPort& port);
Result<PublishedPort> ParseLine(std::string_view line);
std::string ToString(const PublishedPort& port);  // "0.0.0.0:8080->172.17.0.2:80/tcp"

// Docker's error for a port some container of ours or some process of the host has:
// "Bind for 0.0.0.0:8080 failed: port is already allocated" (kConflict).
Error PortTaken(const Ip& host_ip, std::uint16_t port);

// Where "any host port" comes from: /proc/sys/net/ipv4/ip_local_port_range, Docker's 49153-65535 if unreadable.
HostPortRange ParseEphemeralRange(std::string_view text);

}  // namespace estiba::net
