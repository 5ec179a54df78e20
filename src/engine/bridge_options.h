#pragma once
// The options of bridge networks, as docker's bridge driver has them ("com.docker.network.…"). Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/setup.h"

namespace estiba::engine {

struct BridgeOptions {
  std::string name;  // of the link, empty: chosen
  unsigned mtu = 0;  // 0: the engine's
  bool connects = true;
  bool masquerade = true;
  bool inhibit_ipv4 = false;  // the bridge gets no IPv4 address
  net::GatewayMode mode_ipv4 = net::GatewayMode::kNat;
  net::GatewayMode mode_ipv6 = net::GatewayMode::kNat;
  std::optional<Ip> bind_ipv4;  // where ports are published when no address is given
  std::optional<Ip> bind_ipv6;
  std::optional<Ip> source_ipv4;  // what containers leave with, in place of the address of the way out
  std::optional<Ip> source_ipv6;
  std::string interface_prefix = "eth";
  std::vector<std::string> trusted;
  bool managed = true;  // false: the link is somebody's who sees to its addresses and rules (podman's mode=unmanaged)
  unsigned vlan = 0;  // of every container's port, 1 to 4094 (podman's vlan); 0: the bridge filters none
  std::string vrf;    // that the bridge is in (podman's)
  net::GatewayMode Mode(bool v6) const { return v6 ? mode_ipv6 : mode_ipv4; }
};
// Others are refused by name.
Result<BridgeOptions> ParseBridgeOptions(const std::map<std::string, std::string>& options, bool internal);

}  // namespace estiba::engine
