#include "options/ports.h"

#include <arpa/inet.h>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::cli {
namespace {

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Result<Range> ParseRange(const std::string& text) {
  const auto parts = Split(text, '-');
  if (parts.size() > 2) return Bad("invalid range '" + text + "'");
  Range range;
  range.first = TRY(ParseUint(parts[0], 65535));
  range.last = TRY(ParseUint(parts.back(), 65535));
  if (range.last < range.first) return Bad("invalid range specified for port: " + text);
  return range;
}

// "80/udp" → "80" and "udp".
std::string TakeProtocol(std::string* port) {
  const auto slash = port->find('/');
  if (slash == std::string::npos) return "tcp";
  std::string protocol = ToLower(port->substr(slash + 1));
  port->resize(slash);
  return protocol;
}

bool KnownProtocol(const std::string& protocol) {
  return protocol == "tcp" || protocol == "udp" || protocol == "sctp";
}

bool IsAddress(const std::string& text) {
  in6_addr buffer{};
  return ::inet_pton(AF_INET, text.c_str(), &buffer) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &buffer) == 1;
}

struct Spec {
  std::string ip;
  std::string host;
  std::string container;  // with its protocol
};

// "[ip:][host]:container"; an IPv6 address has its own colons.
Spec SplitSpec(const std::string& text) {
  Spec spec;
  const auto last = text.rfind(':');
  if (last == std::string::npos) return {"", "", text};
  spec.container = text.substr(last + 1);
  const std::string rest = text.substr(0, last);
  const auto before = rest.rfind(':');
  if (before == std::string::npos) {
    spec.host = rest;
    return spec;
  }
  spec.host = rest.substr(before + 1);
  spec.ip = rest.substr(0, before);
  if (spec.ip.size() > 2 && spec.ip.front() == '[' && spec.ip.back() == ']')
    spec.ip = spec.ip.substr(1, spec.ip.size() - 2);
  return spec;
}

Result<Spec> LongSpec(const std::string& text) {
  Spec spec;
  std::string protocol = "tcp";
  for (const std::string& field : Split(text, ',')) {
    const auto equals = field.find('=');
    const std::string key = field.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : field.substr(equals + 1);
    if (value.empty()) return Bad("invalid field: " + field);
    if (key == "target") {
      spec.container = value;
    } else if (key == "published") {
      spec.host = value;
    } else if (key == "protocol") {
      protocol = value;
    } else if (key != "mode") {
      return Bad("invalid field key: " + key);
    }
  }
  if (spec.container.empty()) return Bad("missing mandatory field \"target\" in " + text);
  spec.container += "/" + protocol;
  return spec;
}

}  // namespace

Status ParsePublish(const std::string& text, apitypes::PortMap* bindings, std::set<std::string>* exposed) {
  Spec spec = SplitSpec(text);
  if (text.find('=') != std::string::npos) spec = TRY(LongSpec(text));
  const std::string protocol = TakeProtocol(&spec.container);
  if (!spec.ip.empty() && !IsAddress(spec.ip)) return Bad("invalid IP address: " + spec.ip);
  if (spec.container.empty()) return Bad("no port specified: " + text + "<empty>");
  const auto container = ParseRange(spec.container);
  if (!container.ok()) return Bad("invalid containerPort: " + spec.container);
  Range host;
  if (!spec.host.empty()) {
    const auto parsed = ParseRange(spec.host);
    if (!parsed.ok()) return Bad("invalid hostPort: " + spec.host);
    host = *parsed;
  }
  const std::uint64_t count = container->last - container->first;
  const bool any_of_host = count == 0 && host.first != host.last;
  if (!spec.host.empty() && !any_of_host && host.last - host.first != count)
    return Bad("invalid ranges specified for container and host Ports: " + spec.container + " and " +
               spec.host);
  if (!KnownProtocol(protocol)) return Bad("invalid proto: " + protocol);
  for (std::uint64_t i = 0; i <= count; ++i) {
    const std::string port = std::to_string(container->first + i) + "/" + protocol;
    std::string host_port = spec.host.empty() ? "" : std::to_string(host.first + i);
    if (any_of_host) host_port += "-" + std::to_string(host.last);
    exposed->insert(port);
    (*bindings)[port].push_back({spec.ip, std::move(host_port)});
  }
  return Ok();
}

Status ParseExpose(const std::string& text, std::set<std::string>* exposed) {
  if (text.find(':') != std::string::npos) return Bad("invalid port format for --expose: " + text);
  std::string ports = text;
  const std::string protocol = TakeProtocol(&ports);
  const auto range = ParseRange(ports);
  if (!range.ok())
    return Bad("invalid range format for --expose: " + text + ", error: " + range.error().Message());
  if (!KnownProtocol(protocol)) return Bad("invalid proto: " + protocol);
  for (std::uint64_t port = range->first; port <= range->last; ++port)
    exposed->insert(std::to_string(port) + "/" + protocol);
  return Ok();
}

}  // namespace estiba::cli
