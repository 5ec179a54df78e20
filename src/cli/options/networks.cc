#include "options/networks.h"

#include "base/text.h"
#include "options/mounts.h"
#include "options/values.h"

namespace estiba::cli {
namespace {

using apitypes::EndpointSettings;

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

struct Attachment {
  std::string name;
  EndpointSettings endpoint;
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

// As podman writes it: NAME[:OPTION=VALUE,…].
Status ApplyPodmanField(const std::string& field, Attachment* to) {
  if (!field.starts_with("interface_name=")) {
    for (const char* known : {"ip=", "ip6=", "alias="})
      if (field.starts_with(known)) return ApplyField(field, to);
    if (field.starts_with("mac=")) return ApplyField("mac-address=" + field.substr(4), to);
    return Bad("invalid field key " + field.substr(0, field.find('=')));
  }
  return ApplyField("driver-opt=com.docker.network.endpoint.ifname=" + field.substr(field.find('=') + 1), to);
}

Result<Attachment> ParseNetwork(const std::string& text) {
  Attachment to;
  if (text.find('=') == std::string::npos || text.starts_with("ns:")) {
    to.name = text;
    return to;
  }
  const auto colon = text.find(':');
  if (colon < text.find('=')) {
    to.name = text.substr(0, colon);
    for (const std::string& field : Split(text.substr(colon + 1), ',')) TRY(ApplyPodmanField(field, &to));
    return to;
  }
  const auto fields = TRY(SplitCsv(text));
  for (const std::string& field : fields) TRY(ApplyField(field, &to));
  if (to.name.empty()) return Bad("network name/id is not specified");
  return to;
}

bool IsUserMade(const std::string& mode) {
  for (const char* ours : {"default", "bridge", "host", "none"})
    if (mode == ours) return false;
  return !mode.starts_with("container:") && !mode.starts_with("ns:");
}

Status CheckLink(const std::string& text) {
  const auto colon = text.find(':');
  const bool fine = !text.empty() && colon != 0 &&
                    (colon == std::string::npos ||
                     (colon + 1 < text.size() && text.find(':', colon + 1) == std::string::npos));
  if (fine) return Ok();
  return Bad("invalid argument \"" + text + "\" for \"--link\" flag: " +
             (text.empty() ? "empty string specified for links" : "bad format for links: " + text));
}

Status ApplyLinks(const Options& options, apitypes::ContainerCreate* create, Attachment* first) {
  create->host_config.links = options.List("link");
  for (const std::string& text : create->host_config.links) TRY(CheckLink(text));
  // Both, as docker's command line does: an engine reads those of the kind that the network has.
  if (IsUserMade(first->name)) first->endpoint.links = create->host_config.links;
  return Ok();
}

// --ip, --mac-address, --network-alias, --link and --link-local-ip belong to the first network.
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
  if (options.Has("link-local-ip")) {
    if (endpoint.ipam_config && !endpoint.ipam_config->link_local_ips.empty())
      return Bad(
          "conflicting options: cannot specify both --link-local-ip and per-network link-local IP addresses");
    Ipam(&endpoint).link_local_ips = options.List("link-local-ip");
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
         !endpoint.driver_opts.empty() || !endpoint.links.empty() || endpoint.gw_priority != 0;
}

// "a,b" is podman's word for --network a --network b; names have no commas.
std::vector<std::string> NetworksOf(const Options& options) {
  std::vector<std::string> names;
  for (const std::string& text : options.List("network")) {
    if (text.find('=') != std::string::npos || text.starts_with("ns:"))
      names.push_back(text);
    else
      for (std::string& name : Split(text, ',')) names.push_back(std::move(name));
  }
  if (names.empty()) names.emplace_back("default");
  return names;
}

}  // namespace

Status ParseNetworks(const Options& options, apitypes::ContainerCreate* create) {
  const std::vector<std::string> names = NetworksOf(options);
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto parsed = ParseNetwork(names[i]);
    if (!parsed.ok())
      return Bad("invalid argument \"" + names[i] + "\" for \"--network\" flag: " + parsed.error().Message());
    Attachment to = std::move(parsed).value();
    if (i == 0) {
      TRY(ApplyTopLevel(options, &to));
      TRY(ApplyLinks(options, create, &to));
      create->host_config.network_mode = to.name;
    }
    const bool needed = names.size() > 1 || SaysSomething(to.endpoint);
    if (needed && !create->endpoints.emplace(to.name, std::move(to.endpoint)).second)
      return Bad("network \"" + to.name + "\" is specified multiple times");
  }
  return Ok();
}

}  // namespace estiba::cli
