#include "options/networks.h"

#include "options/mounts.h"
#include "options/values.h"

namespace estiba::cli {
namespace {

using apitypes::EndpointSettings;

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

struct Attachment {
  std::string name;
  EndpointSettings endpoint;
  bool detailed = false;
};

apitypes::EndpointIpamConfig& Ipam(EndpointSettings* endpoint) {
  if (!endpoint->ipam_config) endpoint->ipam_config.emplace();
  return *endpoint->ipam_config;
}

Status ApplyField(const std::string& field, Attachment* to) {
  const auto equals = field.find('=');
  if (equals == std::string::npos) return Bad("invalid field " + field);
  const std::string key = field.substr(0, equals);
  const std::string value = field.substr(equals + 1);
  if (key == "name") {
    to->name = value;
  } else if (key == "alias") {
    to->endpoint.aliases.push_back(value);
  } else if (key == "ip") {
    Ipam(&to->endpoint).ipv4_address = value;
  } else if (key == "ip6") {
    Ipam(&to->endpoint).ipv6_address = value;
  } else if (key == "mac-address") {
    to->endpoint.mac_address = value;
  } else if (key == "link-local-ip") {
    Ipam(&to->endpoint).link_local_ips.push_back(value);
  } else if (key == "gw-priority") {
    to->endpoint.gw_priority = TRY(ParseGoInt(value));
  } else if (key == "driver-opt") {
    const auto split = value.find('=');
    if (split == std::string::npos) return Bad("invalid key value pair format in driver options");
    to->endpoint.driver_opts[value.substr(0, split)] = value.substr(split + 1);
  } else {
    return Bad("invalid field key " + key);
  }
  return Ok();
}

Result<Attachment> ParseNetwork(const std::string& text) {
  Attachment to;
  if (text.find('=') == std::string::npos) {
    to.name = text;
    return to;
  }
  to.detailed = true;
  const auto fields = TRY(SplitCsv(text));
  for (const std::string& field : fields) TRY(ApplyField(field, &to));
  if (to.name.empty()) return Bad("network name/id is not specified");
  return to;
}

// --ip, --mac-address and --network-alias belong to the first network.
Status ApplyTopLevel(const Options& options, Attachment* first) {
  EndpointSettings& endpoint = first->endpoint;
  if (options.Has("ip")) {
    if (endpoint.ipam_config && !endpoint.ipam_config->ipv4_address.empty())
      return Bad("conflicting options: cannot specify both --ip and per-network IPv4 address");
    Ipam(&endpoint).ipv4_address = options.Text("ip");
  }
  if (options.Has("ip6")) {
    if (endpoint.ipam_config && !endpoint.ipam_config->ipv6_address.empty())
      return Bad("conflicting options: cannot specify both --ip6 and per-network IPv6 address");
    Ipam(&endpoint).ipv6_address = options.Text("ip6");
  }
  if (options.Has("mac-address")) {
    if (!endpoint.mac_address.empty())
      return Bad("conflicting options: cannot specify both --mac-address and per-network MAC address");
    endpoint.mac_address = options.Text("mac-address");
  }
  if (options.Has("network-alias")) {
    if (!endpoint.aliases.empty())
      return Bad("conflicting options: cannot specify both --network-alias and per-network alias");
    endpoint.aliases = options.List("network-alias");
  }
  return Ok();
}

bool SaysSomething(const EndpointSettings& endpoint) {
  return endpoint.ipam_config || !endpoint.mac_address.empty() || !endpoint.aliases.empty() ||
         !endpoint.driver_opts.empty() || endpoint.gw_priority != 0;
}

}  // namespace

Status ParseNetworks(const Options& options, apitypes::ContainerCreate* create) {
  std::vector<std::string> names = options.List("network");
  if (names.empty()) names.emplace_back("default");
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto parsed = ParseNetwork(names[i]);
    if (!parsed.ok())
      return Bad("invalid argument \"" + names[i] + "\" for \"--network\" flag: " + parsed.error().Message());
    Attachment to = std::move(parsed).value();
    if (i == 0) {
      TRY(ApplyTopLevel(options, &to));
      create->host_config.network_mode = to.name;
    }
    const bool needed = names.size() > 1 || SaysSomething(to.endpoint);
    if (needed && !create->endpoints.emplace(to.name, std::move(to.endpoint)).second)
      return Bad("network \"" + to.name + "\" is specified multiple times");
  }
  return Ok();
}

}  // namespace estiba::cli
