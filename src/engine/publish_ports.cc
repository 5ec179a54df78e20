// Which ports of the host a container's published ports get.

#include "bridge_options.h"
#include "networks.h"

namespace estiba::engine {
namespace {

// Where a request is for: at most one address a family.
struct Places {
  std::vector<Ip> hosts;
  bool chosen = false;  // by the user, not for want of an address
};

net::PublishedPort Wanted(const net::PublishRequest& request, const Ip& host, const Ip& container) {
  net::PublishedPort wanted;
  wanted.protocol = request.container.protocol;
  wanted.container_port = request.container.port;
  wanted.container_ip = container;
  wanted.host_ip = host;
  return wanted;
}

Result<Places> PlacesOf(const net::PublishRequest& request, const BridgeOptions& options, const std::string& bind) {
  Places places;
  if (!request.host_ip.empty()) {
    places.chosen = true;
    places.hosts.push_back(TRY(ParseIp(request.host_ip)));
    return places;
  }
  const Ip standard = TRY(ParseIp(bind));
  // As docker: every address of both families, unless the engine or the network is told one.
  const bool everywhere = standard.IsAny();
  if (options.bind_ipv4 || !standard.v6) places.hosts.push_back(options.bind_ipv4.value_or(standard));
  if (options.bind_ipv6 || standard.v6 || everywhere) {
    const Ip any{true, {}};
    places.hosts.push_back(options.bind_ipv6.value_or(standard.v6 ? standard : any));
  }
  return places;
}

// Without being told to: where the host has the family, and the container's own ports are not what is published.
bool MayCross(const net::PublishRequest& request, const BridgeOptions& options, const Ip& host) {
  return request.container.protocol != net::Protocol::kSctp && options.Mode(!host.v6) != net::GatewayMode::kRouted &&
         (!host.v6 || net::HostHasIpv6());
}

Error NoWay(const net::PublishedPort& port, const std::string& why) {
  const std::string inside = net::ToString(net::ContainerPort{port.container_port, port.protocol});
  return Error(Code::kInvalidArgument,
               "cannot publish " + inside + " at " + ToString(port.host_ip) + ": " + why);
}

// Nothing where the container has no address for it, and nobody chose that place.
Result<std::optional<net::PublishedPort>> LedFrom(const Ip& host, bool chosen, const net::PublishRequest& request,
                                                  const BridgeOptions& options, const Endpoint& endpoint) {
  auto address = endpoint.Address(host.v6);
  // A relay passes on from one family to the other.
  const bool crosses = !address && !endpoint.IsCni() && (chosen || MayCross(request, options, host));
  if (crosses) address = endpoint.Address(!host.v6);
  if (!address && !chosen) return std::optional<net::PublishedPort>();
  const net::PublishedPort one = Wanted(request, host, address ? address->address : Ip{!host.v6, {}});
  if (!address) return NoWay(one, std::string("the container has no ") + (host.v6 ? "IPv6" : "IPv4") + " address");
  if (endpoint.IsCni() && one.NeedsProxy()) return NoWay(one, "CNI plugins lead nothing from there");
  return std::optional(one);
}

}  // namespace

Result<PortSet> Networks::Publish(const std::vector<net::PublishRequest>& requests, const Endpoint& endpoint) const {
  const auto network = TRY(Get(endpoint.network_id));
  BridgeOptions options;
  if (network->driver == "bridge") options = TRY(ParseBridgeOptions(network->options, network->internal));
  PortSet set;
  for (const net::PublishRequest& request : requests) {
    const Places places = TRY(PlacesOf(request, options, default_bind_));
    std::vector<net::PublishedPort> wanted;
    for (const Ip& host : places.hosts) {
      const auto led = TRY(LedFrom(host, places.chosen, request, options, endpoint));
      if (!led) continue;
      const net::PublishedPort& one = *led;
      // In a routed network the container's own address and port are what is published.
      const bool routed = options.Mode(host.v6) == net::GatewayMode::kRouted && !one.NeedsProxy();
      if (routed || (!options.trusted.empty() && !one.NeedsProxy())) {
        net::PublishedPort opened = one;
        opened.host_ip = Ip{host.v6, {}};
        set.ports.push_back(opened);
      }
      if (!routed) wanted.push_back(one);
    }
    TRY(Reserve(endpoint, wanted, {request.host_first, request.host_last}, set));
  }
  return set;
}

// The same port for all of them.
Status Networks::Reserve(const Endpoint& endpoint, const std::vector<net::PublishedPort>& wanted,
                         net::HostPortRange range, PortSet& set) const {
  const auto hold = [&](const net::PublishedPort& port) {
    const bool relayed = !endpoint.IsCni() && (config_.rootless || port.IsRelayed());
    return relayed ? net::Hold::kRelay : net::Hold::kReserve;
  };
  if (wanted.empty()) return Ok();
  constexpr unsigned kMostTries = 1024;
  std::uint16_t start = 0;
  for (unsigned tries = 1;; ++tries) {
    net::Reservation first = TRY(net::ReserveOneOf(hold(wanted[0]), wanted[0], range, start));
    const std::uint16_t port = first.port.host_port;
    std::vector<net::Reservation> all;
    all.push_back(std::move(first));
    Status taken = Ok();
    for (std::size_t i = 1; i < wanted.size() && taken.ok(); ++i) {
      auto next = net::ReserveOneOf(hold(wanted[i]), wanted[i], {port, port});
      if (next.ok()) {
        all.push_back(std::move(*next));
      } else {
        taken = std::move(next).error();
      }
    }
    if (taken.ok()) {
      for (net::Reservation& one : all) {
        set.ports.push_back(one.port);
        set.sockets.push_back(std::move(one.socket));
      }
      return Ok();
    }
    const bool choice = range.first != range.last || range.first == 0;
    if (taken.error().code() != Code::kConflict || !choice || port == range.last || tries == kMostTries) return taken;
    start = port;
  }
}

}  // namespace estiba::engine
