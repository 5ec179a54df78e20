#include "network_mode.h"

#include <algorithm>

#include "build.h"

namespace estiba::engine {
namespace {

constexpr std::string_view kNamespace = "ns:", kContainer = "container:";

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

// They are of the default network; those of networks that users make are told with each (EndpointSettings), and clients
// tell them here, too.
Status ValidateLinks(const apitypes::HostConfig& host) {
  if (host.links.empty()) return Ok();
  if (host.network_mode == "host")
    return Bad("conflicting options: host type networking can't be used with links. This would result in undefined "
               "behavior");
  return Ok();
}

// The other container has a host name, resolver and ports of its own.
Status ValidateSharing(const apitypes::ContainerCreate& create) {
  const apitypes::ContainerConfig& config = create.config;
  const apitypes::HostConfig& host = create.host_config;
  if (JoinedContainer(host.network_mode).empty())
    return Bad("invalid container format container:<name|id>");
  if (!config.hostname.empty()) return Bad("conflicting options: hostname and the network mode");
  if (!host.links.empty())
    return Bad("conflicting options: container type network can't be used with links. This would result in undefined "
               "behavior");
  if (!host.dns.empty()) return Bad("conflicting options: dns and the network mode");
  if (!host.extra_hosts.empty()) return Bad("conflicting options: custom host-to-IP mapping and the network mode");
  if (!host.port_bindings.empty() || host.publish_all_ports)
    return Bad("conflicting options: port publishing and the container type network mode");
  if (!config.exposed_ports.empty())
    return Bad("conflicting options: port exposing and the container type network mode");
  return Ok();
}

// What an endpoint would have, where there is none.
Status ValidateNoEndpoint(const apitypes::ContainerCreate& create) {
  const auto says_mac = [](const auto& entry) { return !entry.second.mac_address.empty(); };
  if (!create.config.mac_address.empty() || std::ranges::any_of(create.endpoints, says_mac))
    return Bad("conflicting options: mac-address and the network mode");
  for (const auto& [name, settings] : create.endpoints) {
    const bool address = settings.ipam_config && (!settings.ipam_config->ipv4_address.empty() ||
                                                  !settings.ipam_config->ipv6_address.empty() ||
                                                  !settings.ipam_config->link_local_ips.empty());
    if (address) return Bad("user specified IP address is supported on user defined networks only");
    if (!settings.aliases.empty())
      return Bad("network-scoped alias is supported only for containers in user defined networks");
  }
  return Ok();
}

}  // namespace

bool NamesNetwork(const std::string& mode) {
  return mode != "host" && mode != "none" && !mode.starts_with(kContainer) && !mode.starts_with(kNamespace);
}

bool IsJoined(const std::string& mode) { return mode.starts_with(kContainer) || mode.starts_with(kNamespace); }

std::string JoinedNetworkPath(const std::string& mode) {
  return mode.starts_with(kNamespace) ? mode.substr(kNamespace.size()) : std::string();
}

Status ValidateNetworkMode(const apitypes::ContainerCreate& create) {
  const std::string& mode = create.host_config.network_mode;
  TRY(ValidateLinks(create.host_config));
  if (NamesNetwork(mode)) return Ok();
  if (mode.starts_with(kNamespace) && !JoinedNetworkPath(mode).starts_with('/'))
    return Bad("invalid network mode '" + mode + "': ns:PATH wants the absolute path of a network namespace");
  if (mode.starts_with(kContainer)) TRY(ValidateSharing(create));
  return ValidateNoEndpoint(create);
}

}  // namespace estiba::engine
