#include "net/ports.h"

#include "base/parse.h"
#include "base/text.h"

namespace estiba::net {
namespace {

Error Invalid(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

struct Pieces {
  std::string_view ip, host, container, protocol;
};

// Splits from the right, because an address may hold colons of its own: "[::1]:80:80".
Result<Pieces> SplitPublish(std::string_view text) {
  Pieces p;
  std::string_view rest = text;
  if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
    p.protocol = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  const std::size_t last = rest.rfind(':');
  p.container = last == std::string_view::npos ? rest : rest.substr(last + 1);
  if (p.container.empty()) return Invalid("no port specified: " + std::string(text) + "<empty>");
  if (last == std::string_view::npos) return p;
  rest = rest.substr(0, last);
  const std::size_t middle = rest.rfind(':');
  p.host = middle == std::string_view::npos ? rest : rest.substr(middle + 1);
  if (middle == std::string_view::npos) return p;
  p.ip = rest.substr(0, middle);
  if (p.ip.size() > 2 && p.ip.front() == '[' && p.ip.back() == ']') p.ip = p.ip.substr(1, p.ip.size() - 2);
  return p;
}

Result<HostPortRange> ParseRange(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = ParseUint(text.substr(0, dash), 65535);
  if (!first.ok()) return first.error().Clone();
  HostPortRange range{static_cast<std::uint16_t>(first.value()), static_cast<std::uint16_t>(first.value())};
  if (dash == std::string_view::npos) return range;
  const auto last = ParseUint(text.substr(dash + 1), 65535);
  if (!last.ok()) return last.error().Clone();
  range.last = static_cast<std::uint16_t>(last.value());
  if (range.last < range.first) return Invalid("invalid range specified for port: " + std::string(text));
  return range;
}

unsigned Size(HostPortRange range) { return unsigned{range.last} - range.first + 1; }

Status CheckHostIp(std::string_view ip) {
  if (ip.empty()) return Ok();
  TRY(ParseIp(ip));
  return Ok();
}

struct Socket {
  Ip ip;
  std::uint16_t port = 0;
};

Result<Socket> ParseSocket(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Error(Code::kDataLoss, "address '" + text + "' cannot be read");
  Socket socket;
  std::string_view address = std::string_view(text).substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  socket.ip = TRY(ParseIp(address));
  socket.port = static_cast<std::uint16_t>(TRY(ParseUint(text.substr(colon + 1), 65535)));
  return socket;
}

}  // namespace

std::string_view ToString(Protocol protocol) {
  if (protocol == Protocol::kSctp) return "sctp";
  return protocol == Protocol::kUdp ? "udp" : "tcp";
}

std::optional<Protocol> FindProtocol(unsigned number) {
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp})
    if (static_cast<unsigned>(protocol) == number) return protocol;
  return std::nullopt;
}

Result<Protocol> ParseProtocol(std::string_view text) {
  const std::string lower = ToLower(text);
  if (lower.empty()) return Protocol::kTcp;
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp})
    if (lower == ToString(protocol)) return protocol;
  return Invalid("invalid proto: " + std::string(text));
}

std::string ToString(const ContainerPort& port) {
  return std::to_string(port.port) + '/' + std::string(ToString(port.protocol));
}

Result<std::vector<ContainerPort>> ParseExpose(std::string_view text) {
  const std::size_t slash = text.find('/');
  const Protocol protocol =
      TRY(ParseProtocol(slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1)));
  const auto range = ParseRange(text.substr(0, slash));
  if (!range.ok() || range.value().first == 0) return Invalid("invalid containerPort: " + std::string(text));
  std::vector<ContainerPort> ports;
  for (unsigned port = range.value().first; port <= range.value().last; ++port)
    ports.push_back({static_cast<std::uint16_t>(port), protocol});
  return ports;
}

Result<ContainerPort> ParseContainerPort(std::string_view text) {
  const std::vector<ContainerPort> ports = TRY(ParseExpose(text));
  if (ports.size() != 1) return Invalid("invalid port specification: " + std::string(text));
  return ports.front();
}

Result<HostPortRange> ParseHostPort(std::string_view text) {
  if (text.empty()) return HostPortRange{};
  const auto range = ParseRange(text);
  if (!range.ok() || (range.value().first == 0 && range.value().last != 0))
    return Invalid("invalid hostPort: " + std::string(text));
  return range.value();
}

Result<std::vector<PublishRequest>> ParsePublish(std::string_view text) {
  const Pieces pieces = TRY(SplitPublish(text));
  TRY(CheckHostIp(pieces.ip));
  const auto container = ParseRange(pieces.container);
  if (!container.ok() || container.value().first == 0)
    return Invalid("invalid containerPort: " + std::string(pieces.container));
  const HostPortRange inside = container.value();
  const HostPortRange host = TRY(ParseHostPort(pieces.host));
  const Protocol protocol = TRY(ParseProtocol(pieces.protocol));
  const bool any = pieces.host.empty() || host.first == 0;
  if (!any && Size(inside) != Size(host) && Size(inside) != 1)
    return Invalid("invalid ranges specified for container and host Ports: " + std::string(pieces.container) +
                   " and " + std::string(pieces.host));
  std::vector<PublishRequest> requests;
  for (unsigned i = 0; i < Size(inside); ++i) {
    PublishRequest request;
    request.host_ip = std::string(pieces.ip);
    request.container = {static_cast<std::uint16_t>(inside.first + i), protocol};
    if (!any) {
      const bool choice = Size(inside) == 1;
      request.host_first = static_cast<std::uint16_t>(choice ? host.first : host.first + i);
      request.host_last = choice ? host.last : request.host_first;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

std::string ToString(const PublishedPort& port) {
  return WithPort(port.host_ip, port.host_port) + "->" + WithPort(port.container_ip, port.container_port) + '/' +
         std::string(ToString(port.protocol));
}

std::string ToLine(const PublishedPort& port) {
  return WithPort(port.host_ip, port.host_port) + " " + WithPort(port.container_ip, port.container_port) + " " +
         std::string(ToString(port.protocol));
}

Result<PublishedPort> ParseLine(std::string_view line) {
  const std::vector<std::string> words = Split(line, ' ');
  if (words.size() != 3) return Error(Code::kDataLoss, "published port '" + std::string(line) + "' cannot be read");
  const Socket host = TRY(ParseSocket(words[0]));
  const Socket container = TRY(ParseSocket(words[1]));
  PublishedPort port;
  port.protocol = TRY(ParseProtocol(words[2]));
  port.host_ip = host.ip;
  port.host_port = host.port;
  port.container_ip = container.ip;
  port.container_port = container.port;
  return port;
}

Error PortTaken(const Ip& host_ip, std::uint16_t port) {
  return Error(Code::kConflict, "Bind for " + WithPort(host_ip, port) + " failed: port is already allocated");
}

HostPortRange ParseEphemeralRange(std::string_view text) {
  const HostPortRange fallback{49153, 65535};
  const std::string_view trimmed = Trim(text);
  const std::size_t gap = trimmed.find_first_of(" \t");
  if (gap == std::string_view::npos) return fallback;
  const auto first = ParseUint(trimmed.substr(0, gap), 65535);
  const auto last = ParseUint(Trim(trimmed.substr(gap)), 65535);
  if (!first.ok() || !last.ok() || first.value() == 0 || last.value() < first.value()) return fallback;
  return {static_cast<std::uint16_t>(first.value()), static_cast<std::uint16_t>(last.value())};
}

}  // namespace estiba::net
