#include "published.h"

#include <algorithm>

#include "spec/validate.h"

namespace estiba::engine {
namespace {

using apitypes::PortBinding;
using net::PublishedPort;
using net::PublishRequest;

bool SameAddress(const std::string& text, const Ip& address) {
  const auto parsed = ParseIp(text);
  return parsed.ok() && *parsed == address;
}

bool Fits(const PublishedPort& port, const PublishRequest& request) {
  if (port.protocol != request.container.protocol || port.container_port != request.container.port) return false;
  if (port.IsOpened()) return true;
  const bool any = request.host_first == 0;
  if (!any && (port.host_port < request.host_first || port.host_port > request.host_last)) return false;
  return request.host_ip.empty() || SameAddress(request.host_ip, port.host_ip);
}

// All with the host port of the first that fits, one for each family, and what is opened of the container's own.
std::vector<PublishedPort> TakeFor(const PublishRequest& request, std::vector<PublishedPort>& held) {
  std::vector<PublishedPort> taken;
  std::uint16_t host_port = 0;
  for (const PublishedPort& port : held) {
    if (host_port == 0 && Fits(port, request)) host_port = port.host_port;
  }
  const auto same = [&](const PublishedPort& port) {
    return (port.IsOpened() || port.host_port == host_port) && Fits(port, request);
  };
  std::ranges::copy_if(held, std::back_inserter(taken), same);
  std::erase_if(held, same);
  return taken;
}

PortBinding BindingOf(const PublishRequest& request) {
  PortBinding binding{request.host_ip, ""};
  if (request.host_first != 0) binding.host_port = std::to_string(request.host_first);
  if (request.host_last != request.host_first) binding.host_port += '-' + std::to_string(request.host_last);
  return binding;
}

// What `-P` publishes, named one by one.
Status SpellOutExposed(apitypes::ContainerCreate& create) {
  apitypes::HostConfig& host = create.host_config;
  if (!host.publish_all_ports) return Ok();
  for (const std::string& text : create.config.exposed_ports) {
    const auto ports = TRY(net::ParseExpose(text));
    for (const net::ContainerPort& port : ports) host.port_bindings.try_emplace(net::ToString(port));
  }
  host.publish_all_ports = false;
  return Ok();
}

// An empty list stands for one binding to any port.
void SpellOutEmpty(apitypes::PortMap& bindings) {
  for (auto& [port, list] : bindings) {
    if (list.empty()) list.emplace_back();
  }
}

struct Wanted {
  PublishRequest request;
  bool Is(const PublishRequest& have, const std::vector<PublishedPort>& ports) const {
    if (have.container != request.container) return false;
    if (!request.host_ip.empty() && request.host_ip != have.host_ip) return false;
    if (request.host_first == 0) return true;
    if (have.host_first == request.host_first && have.host_last == request.host_last) return true;
    return std::ranges::any_of(ports, [&](const PublishedPort& port) { return port.host_port == request.host_first; });
  }
};

}  // namespace

std::vector<std::vector<PublishedPort>> SharePublished(const std::vector<PublishRequest>& requests,
                                                       std::vector<PublishedPort> held) {
  std::vector<std::vector<PublishedPort>> shares(requests.size());
  // The most particular ones first: what they have fits others, too.
  for (const auto& [with_address, with_port] : {std::pair(true, true), {true, false}, {false, true}, {false, false}}) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const bool now = requests[i].host_ip.empty() != with_address && (requests[i].host_first != 0) == with_port;
      if (now) shares[i] = TakeFor(requests[i], held);
    }
  }
  return shares;
}

std::vector<PublishedPort> LeadTo(const std::vector<PublishedPort>& ports, const std::vector<IpPrefix>& addresses) {
  std::vector<PublishedPort> led;
  for (PublishedPort port : ports) {
    const auto address = std::ranges::find_if(
        addresses, [&](const IpPrefix& one) { return one.address.v6 == port.container_ip.v6; });
    if (address == addresses.end()) continue;
    port.container_ip = address->address;
    led.push_back(port);
  }
  return led;
}

Result<std::vector<PublishRequest>> AddBindings(const std::vector<std::string>& texts,
                                                apitypes::ContainerCreate& create) {
  std::vector<PublishRequest> added;
  auto& bindings = create.host_config.port_bindings;
  SpellOutEmpty(bindings);
  for (const std::string& text : texts) {
    const std::vector<PublishRequest> requests = TRY(net::ParsePublish(text));
    for (const PublishRequest& request : requests) {
      std::vector<PortBinding>& list = bindings[net::ToString(request.container)];
      PortBinding binding = BindingOf(request);
      const bool there = std::ranges::find(list, binding) != list.end();
      if (there && !binding.host_port.empty())
        return Error(Code::kConflict, "port " + text + " is already published by this container");
      list.push_back(std::move(binding));
      added.push_back(request);
    }
  }
  return added;
}

Result<std::vector<PublishedPort>> RemoveBindings(const std::vector<std::string>& texts,
                                                  const std::vector<PublishedPort>& held,
                                                  apitypes::ContainerCreate& create) {
  TRY(SpellOutExposed(create));
  auto& bindings = create.host_config.port_bindings;
  SpellOutEmpty(bindings);
  const std::vector<PublishRequest> present = TRY(CollectPorts(create));
  const auto shares = SharePublished(present, held);
  std::vector<bool> goes(present.size(), false);
  for (const std::string& text : texts) {
    const std::vector<PublishRequest> wanted = TRY(net::ParsePublish(text));
    for (const PublishRequest& request : wanted) {
      bool found = false;
      for (std::size_t i = 0; i < present.size(); ++i) {
        if (!Wanted{request}.Is(present[i], shares[i])) continue;
        goes[i] = found = true;
      }
      if (!found) return Error(Code::kNotFound, "port " + text + " is not published");
    }
  }
  std::vector<PublishedPort> gone;
  bindings.clear();
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (goes[i]) {
      gone.insert(gone.end(), shares[i].begin(), shares[i].end());
    } else {
      bindings[net::ToString(present[i].container)].push_back(BindingOf(present[i]));
    }
  }
  return gone;
}

}  // namespace estiba::engine
