// A container's places in networks: what may be asked for, what it gets, and which of them leads outside.

#include <algorithm>

#include "../bridge_options.h"
#include "../endpoint_options.h"
#include "../gateway.h"
#include "../network_drivers.h"
#include "../spec/network_mode.h"
#include "containers.h"
#include "net/inside.h"

namespace estiba::engine {
namespace {

Error Bad(std::string what) { return {Code::kInvalidArgument, std::move(what)}; }

Status CheckAddress(const NetworkRecord& network, const std::string& text, bool v6) {
  if (text.empty()) return Ok();
  const Ip address = TRY(ParseIp(text));
  if (address.v6 != v6) return Bad("invalid IPv" + std::string(v6 ? "6" : "4") + " address: " + text);
  if (network.predefined) return Bad("user specified IP address is supported on user defined networks only");
  if (!network.HasSubnetFor(address)) {
    return Bad("invalid config for network " + network.name +
               ": invalid endpoint settings:\nno configured subnet contains IP address " + text);
  }
  return Ok();
}

// Names of interfaces that others of its networks have, or are to have.
std::set<std::string> InterfacesBeside(const ContainerRecord& record, const std::string& network,
                                       const std::vector<Endpoint>& beside) {
  std::set<std::string> names;
  for (const auto& [name, settings] : record.create.endpoints) {
    if (name == network) continue;
    const auto options = ParseEndpointOptions(settings.driver_opts);  // checked when it was asked for
    if (options.ok() && !options->ifname.empty()) names.insert(options->ifname);
  }
  for (const Endpoint& endpoint : beside) names.insert(endpoint.container_ifname);
  return names;
}

}  // namespace

Status Containers::CheckEndpointSettings(const NetworkRecord& network, const apitypes::EndpointSettings& settings) {
  if (network.driver == "host" || network.driver == "null") return Ok();
  for (const std::string& text : settings.links) TRY(ParseLink(text));
  if (network.driver == kCni) return CheckCniSettings(network, settings);
  TRY(ParseEndpointOptions(settings.driver_opts));
  if (!settings.mac_address.empty()) TRY(net::ParseMac(settings.mac_address));
  if (!settings.ipam_config.has_value()) return Ok();
  const apitypes::EndpointIpamConfig& ipam = *settings.ipam_config;
  TRY(CheckAddress(network, ipam.ipv4_address, /*v6=*/false));
  TRY(CheckAddress(network, ipam.ipv6_address, /*v6=*/true));
  for (const std::string& text : ipam.link_local_ips) {
    const auto address = ParseIp(text);
    if (!address.ok() || !address->IsLinkLocal()) return Bad("invalid link-local IP address: " + text);
  }
  return Ok();
}

Status Containers::ListNetworks(ContainerRecord& record) {
  const std::string& mode = record.create.host_config.network_mode;
  record.networks_listed = true;
  if (IsJoined(mode)) return Ok();
  std::map<std::string, apitypes::EndpointSettings> named;
  for (auto& [name, settings] : record.create.endpoints) {
    // Of records of earlier engines: a network that is gone keeps the name it was asked for by.
    const auto network = w_.networks->Get(name);
    named.emplace(network.ok() ? (*network)->name : name, std::move(settings));
  }
  const auto main = w_.networks->Get(mode);
  named.try_emplace(main.ok() ? (*main)->name : mode);
  record.create.endpoints = std::move(named);
  return Ok();
}

Result<Endpoint> Containers::JoinNetwork(const ContainerRecord& record, const NetworkRecord& network,
                                         const apitypes::EndpointSettings& settings,
                                         const std::vector<IpPrefix>& last, const std::vector<Endpoint>& beside) {
  EndpointRequest request;
  request.network = network.id;
  request.mac = settings.mac_address;
  request.last = last;
  if (settings.ipam_config.has_value()) {
    request.ipv4 = settings.ipam_config->ipv4_address;
    request.ipv6 = settings.ipam_config->ipv6_address;
    request.link_local = settings.ipam_config->link_local_ips;
  }
  if (beside.empty() && request.mac.empty()) request.mac = record.create.config.mac_address;
  const EndpointOptions options = TRY(ParseEndpointOptions(settings.driver_opts));
  const std::set<std::string> taken = InterfacesBeside(record, network.name, beside);
  if (taken.contains(options.ifname))
    return Bad("interface name '" + options.ifname + "' is taken by another network of the container");
  unsigned index = 0;
  const auto in_use = [&](const Endpoint& one) { return one.host_ifname == Networks::LinkName(record.id, index); };
  while (std::ranges::any_of(beside, in_use) || taken.contains("eth" + std::to_string(index))) ++index;
  Endpoint endpoint = TRY(w_.networks->Connect(request, record.id, index));
  if (!options.ifname.empty()) endpoint.container_ifname = options.ifname;
  return endpoint;
}

const Endpoint* Containers::GatewayOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints, bool v6,
                                      bool by_the_host) {
  std::vector<GatewayCandidate> candidates;
  for (const Endpoint& endpoint : endpoints) {
    const auto network = w_.networks->Get(endpoint.network_id);
    const std::string name = network.ok() ? (*network)->name : endpoint.network_id;
    const bool leads_out = !endpoint.internal && endpoint.Gateway(v6).has_value() &&
                           (!by_the_host || endpoint.HasHost());
    candidates.push_back({name, record.SettingsIn(name).gw_priority, leads_out});
  }
  const auto chosen = ChooseGateway(candidates);
  return chosen ? &endpoints[*chosen] : nullptr;
}

std::optional<Ip> Containers::OutwardGateway(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  for (const bool v6 : {false, true}) {
    const Endpoint* gateway = GatewayOf(record, endpoints, v6, /*by_the_host=*/true);
    if (gateway != nullptr) return gateway->Gateway(v6);
  }
  return std::nullopt;
}

std::optional<Endpoint> Containers::Carrier(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  if (IsOnCni(endpoints)) return CniCarrier(endpoints);
  std::optional<Endpoint> carrier;
  for (const bool v6 : {false, true}) {
    const Endpoint* gateway = GatewayOf(record, endpoints, v6, /*by_the_host=*/true);
    if (gateway == nullptr) continue;
    if (!carrier) {
      carrier = *gateway;
      carrier->addresses.clear();
    }
    if (const auto address = gateway->Address(v6)) carrier->addresses.push_back(*address);
  }
  return carrier;
}

Result<plan::Endpoint> Containers::PlanEndpoint(const ContainerRecord& record, const std::vector<Endpoint>& endpoints,
                                                const Endpoint& endpoint,
                                                const std::vector<net::PublishedPort>& ports) {
  const auto network = TRY(w_.networks->Get(endpoint.network_id));
  const apitypes::EndpointSettings& settings = record.SettingsIn(network->name);
  const EndpointOptions options = TRY(ParseEndpointOptions(settings.driver_opts));
  plan::Endpoint made;
  made.bridge = network->Bridge();
  made.bridge.name = endpoint.bridge;
  made.bridge.mtu = endpoint.mtu;
  made.veth = {endpoint.bridge, endpoint.host_ifname, endpoint.container_ifname, endpoint.mac, endpoint.mtu};
  made.veth.isolated = !made.bridge.connects;
  if (IsUnmanaged(*network)) made.bridge.name.clear();
  if (network->driver == "bridge" && !network->options.empty()) {
    const BridgeOptions link = TRY(ParseBridgeOptions(network->options, network->internal));
    made.vlan = link.vlan;
    made.vrf = link.vrf;
  }
  if (SitsOnParent(network->driver)) made.upper = PlanUpper(endpoint, *network);
  made.inside.name = endpoint.container_ifname;
  made.inside.addresses = endpoint.addresses;
  if (endpoint.announces)
    made.inside.sysctls = net::AnnouncingSettings(endpoint.container_ifname, endpoint.Address(true).has_value());
  for (auto& setting : options.SysctlsOf(endpoint.container_ifname))
    made.inside.sysctls.push_back(std::move(setting));
  for (const bool v6 : {false, true}) {
    const auto gateway = endpoint.Gateway(v6);
    if (!gateway || GatewayOf(record, endpoints, v6) != &endpoint) continue;
    made.inside.gateways.push_back(RoutesByDevice(*network) ? Ip{v6, {}} : *gateway);
  }
  for (const net::PublishedPort& port : ports) {
    const auto own = [&](const IpPrefix& one) { return one.address == port.container_ip; };
    if (std::ranges::any_of(endpoint.addresses, own)) made.ports.push_back(port);
  }
  return made;
}

}  // namespace estiba::engine
