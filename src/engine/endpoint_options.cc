#include "endpoint_options.h"

#include <algorithm>

#include "base/text.h"

namespace estiba::engine {
namespace {

constexpr std::string_view kIfname = "com.docker.network.endpoint.ifname";
constexpr std::string_view kSysctls = "com.docker.network.endpoint.sysctls";
constexpr std::string_view kPlaceholder = "IFNAME";
constexpr std::size_t kLongestName = 15;  // IFNAMSIZ with its zero

Error Bad(std::string what) { return {Code::kInvalidArgument, std::move(what)}; }

Status CheckIfname(const std::string& name) {
  const auto unfit = [](char c) { return c <= ' ' || c == '/' || c == ':' || c == '%' || c == 0x7f; };
  if (name.empty() || name.size() > kLongestName || name == "." || name == ".." || name == "lo" || name == "all" ||
      name == "default" || std::ranges::any_of(name, unfit))
    return Bad("invalid interface name '" + name + "'");
  return Ok();
}

bool IsPart(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && std::ranges::all_of(text, fits);
}

// "net.ipv4.conf.IFNAME.forwarding=1".
Result<std::pair<std::string, std::string>> ParseSysctl(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::vector<std::string> parts = Split(text.substr(0, equals), '.');
  const bool known = equals != std::string::npos && parts.size() == 5 && parts[0] == "net" &&
                     (parts[1] == "ipv4" || parts[1] == "ipv6" || parts[1] == "mpls") && IsPart(parts[2]) &&
                     ToLower(parts[3]) == "ifname" && IsPart(parts[4]);
  const std::string value = known ? text.substr(equals + 1) : std::string();
  if (!known || value.empty() || value.find('\n') != std::string::npos)
    return Bad("unrecognised network interface sysctl '" + text +
               "'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'");
  std::string path = parts[1] + '/' + parts[2] + '/' + std::string(kPlaceholder) + '/' + parts[4];
  return std::pair(std::move(path), value);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> EndpointOptions::SysctlsOf(const std::string& interface) const {
  std::vector<std::pair<std::string, std::string>> settings = sysctls;
  for (auto& [path, value] : settings) path.replace(path.find(kPlaceholder), kPlaceholder.size(), interface);
  return settings;
}

Result<EndpointOptions> ParseEndpointOptions(const std::map<std::string, std::string>& options) {
  EndpointOptions parsed;
  for (const auto& [key, value] : options) {
    if (key == kIfname) {
      TRY(CheckIfname(value));
      parsed.ifname = value;
    } else if (key == kSysctls) {
      for (const std::string& text : Split(value, ',')) parsed.sysctls.push_back(TRY(ParseSysctl(text)));
    } else {
      return Bad("endpoint option '" + key + "' is not supported by this engine");
    }
  }
  return parsed;
}

Result<dns::Link> ParseLink(const std::string& text) {
  if (text.empty()) return Bad("empty string specified for links");
  const std::vector<std::string> parts = Split(text, ':');
  const auto empty = [](const std::string& part) { return part.empty(); };
  if (parts.size() > 2 || std::ranges::any_of(parts, empty)) return Bad("bad format for links: " + text);
  dns::Link link{parts.back(), parts.front()};
  if (link.target.starts_with('/')) {
    link.target.erase(0, 1);
    link.alias.erase(0, link.alias.rfind('/') + 1);
  }
  return link;
}

}  // namespace estiba::engine
