#include "bridge_options.h"

#include <array>
#include <string_view>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::engine {
namespace {

constexpr std::size_t kLongestLink = 15;
constexpr std::size_t kLongestPrefix = 12;  // a number follows

Error Invalid(const std::string& key, const std::string& value, const std::string& why) {
  return Error(Code::kInvalidArgument, "network option '" + key + "=" + value + "': " + why);
}

// As Go's strconv.ParseBool.
Result<bool> Flag(const std::string& key, const std::string& value) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"})
    if (value == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"})
    if (value == no) return false;
  return Invalid(key, value, "neither true nor false");
}

Status CheckLink(const std::string& key, const std::string& value, std::size_t longest) {
  const bool bad =
      value.empty() || value.find_first_of("/: \t\n%") != std::string::npos || value == "." || value == "..";
  if (bad) return Invalid(key, value, "not a name of an interface");
  if (value.size() > longest)
    return Invalid(key, value, "longer than the " + std::to_string(longest) + " letters that it may have");
  return Ok();
}

Result<net::GatewayMode> Mode(const std::string& key, const std::string& value, bool internal) {
  using net::GatewayMode;
  constexpr std::pair<std::string_view, GatewayMode> kModes[] = {{"", GatewayMode::kNat},
                                                                 {"nat", GatewayMode::kNat},
                                                                 {"nat-unprotected", GatewayMode::kNatUnprotected},
                                                                 {"routed", GatewayMode::kRouted},
                                                                 {"isolated", GatewayMode::kIsolated}};
  for (const auto& [name, mode] : kModes) {
    if (value != name) continue;
    if (mode == GatewayMode::kIsolated && !internal)
      return Error(Code::kInvalidArgument, "gateway mode 'isolated' can only be used for an internal network");
    return mode;
  }
  return Invalid(key, value, "unknown gateway mode " + value);
}

Result<Ip> HostBinding(const std::string& key, const std::string& value, bool v6) {
  const auto address = ParseIp(value);
  if (!address.ok() || address->v6 != v6)
    return Invalid(key, value, std::string("not an ") + (v6 ? "IPv6" : "IPv4") + " address");
  return *address;
}

Result<Ip> Source(const std::string& key, const std::string& value, bool v6) {
  const Ip address = TRY(HostBinding(key, value, v6));
  if (address.IsAny()) return Invalid(key, value, "not an address that packets can have");
  return address;
}

Status ReadTrusted(const std::string& key, const std::string& value, std::vector<std::string>& trusted) {
  for (const std::string& name : Split(value, ':')) {
    TRY(CheckLink(key, name, kLongestLink));
    trusted.push_back(name);
  }
  return Ok();
}

Result<unsigned> Mtu(const std::string& key, const std::string& value) {
  constexpr unsigned kLeast = 68, kMost = 65535;  // RFC 791; what a link may carry
  const auto mtu = ParseUint(value, kMost);
  if (!mtu.ok() || *mtu < kLeast) return Error(Code::kInvalidArgument, "invalid mtu '" + value + "' in " + key);
  return static_cast<unsigned>(*mtu);
}

// Podman's, without a prefix. True when it is one of them.
Result<bool> ReadPodmans(const std::string& key, const std::string& value, BridgeOptions& to) {
  constexpr unsigned kLastVlan = 4094;
  if (key == "mode") {
    if (value != "managed" && value != "unmanaged") return Invalid(key, value, "neither managed nor unmanaged");
    to.managed = value == "managed";
  } else if (key == "vlan") {
    const auto vlan = ParseUint(value, kLastVlan);
    if (!vlan.ok() || *vlan == 0) return Invalid(key, value, "not a VLAN's number, 1 to 4094");
    to.vlan = static_cast<unsigned>(*vlan);
  } else if (key == "vrf") {
    TRY(CheckLink(key, value, kLongestLink));
    to.vrf = value;
  } else if (key == "outbound_addr4") {
    to.source_ipv4 = TRY(Source(key, value, false));
  } else if (key == "outbound_addr6") {
    to.source_ipv6 = TRY(Source(key, value, true));
  } else {
    return false;
  }
  return true;
}

// An address to leave with says nothing where packets keep their own.
Status CheckSources(const BridgeOptions& options, bool internal) {
  for (const bool v6 : {false, true}) {
    const auto& source = v6 ? options.source_ipv6 : options.source_ipv4;
    const net::GatewayMode mode = options.Mode(v6);
    const bool translates = options.managed && options.masquerade && !internal &&
                            (mode == net::GatewayMode::kNat || mode == net::GatewayMode::kNatUnprotected);
    if (source && !translates)
      return Invalid(v6 ? "com.docker.network.host_ipv6" : "com.docker.network.host_ipv4", ToString(*source),
                     "no address is translated in such a network");
  }
  return Ok();
}

Status CheckUnmanaged(const BridgeOptions& options) {
  if (options.managed) return Ok();
  if (options.name.empty())
    return Error(Code::kInvalidArgument, "mode=unmanaged wants com.docker.network.bridge.name, a bridge that is there");
  if (!options.vrf.empty())
    return Error(Code::kInvalidArgument, "network option 'vrf=" + options.vrf + "': with mode=unmanaged the bridge is "
                                         "not ours to put into a VRF")
        .Hint("ip link set " + options.name + " master " + options.vrf);
  return Ok();
}

// True when it is one of these.
Result<bool> ReadBridge(const std::string& key, const std::string& value, BridgeOptions& to) {
  constexpr std::string_view kBridge = "com.docker.network.bridge.";
  if (!key.starts_with(kBridge)) return false;
  const std::string_view name = std::string_view(key).substr(kBridge.size());
  if (name == "name") {
    TRY(CheckLink(key, value, kLongestLink));
    to.name = value;
  } else if (name == "enable_icc") {
    to.connects = TRY(Flag(key, value));
  } else if (name == "enable_ip_masquerade") {
    to.masquerade = TRY(Flag(key, value));
  } else if (name == "inhibit_ipv4") {
    to.inhibit_ipv4 = TRY(Flag(key, value));
  } else if (name == "host_binding_ipv4") {
    to.bind_ipv4 = TRY(HostBinding(key, value, false));
  } else if (name == "host_binding_ipv6") {
    to.bind_ipv6 = TRY(HostBinding(key, value, true));
  } else if (name == "trusted_host_interfaces") {
    TRY(ReadTrusted(key, value, to.trusted));
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<BridgeOptions> ParseBridgeOptions(const std::map<std::string, std::string>& options, bool internal) {
  BridgeOptions to;
  for (const auto& [key, value] : options) {
    const bool of_bridge = TRY(ReadBridge(key, value, to));
    if (of_bridge) continue;
    const bool of_podman = TRY(ReadPodmans(key, value, to));
    if (of_podman) continue;
    if (key == "com.docker.network.driver.mtu") {
      to.mtu = TRY(Mtu(key, value));
    } else if (key == "com.docker.network.bridge.gateway_mode_ipv4") {
      to.mode_ipv4 = TRY(Mode(key, value, internal));
    } else if (key == "com.docker.network.bridge.gateway_mode_ipv6") {
      to.mode_ipv6 = TRY(Mode(key, value, internal));
    } else if (key == "com.docker.network.host_ipv4") {
      to.source_ipv4 = TRY(Source(key, value, false));
    } else if (key == "com.docker.network.host_ipv6") {
      to.source_ipv6 = TRY(Source(key, value, true));
    } else if (key == "com.docker.network.container_iface_prefix") {
      TRY(CheckLink(key, value, kLongestPrefix));
      to.interface_prefix = value;
    } else {
      return Error(Code::kInvalidArgument, "network option '" + key + "' is not supported by this engine");
    }
  }
  TRY(CheckUnmanaged(to));
  TRY(CheckSources(to, internal));
  return to;
}

}  // namespace estiba::engine
