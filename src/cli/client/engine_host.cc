#include "client/engine_host.h"

#include <algorithm>

#include "base/parse.h"

namespace estiba::cli {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kSsh = "ssh://";

Error Unknown(const std::string& host, const std::string& why) {
  return Error(Code::kInvalidArgument, "unable to parse engine host '" + host + "': " + why)
      .Hint("it is unix:///path/to/socket, tcp://HOST:PORT or ssh://USER@HOST");
}

// HOST, HOST:PORT or [ADDRESS]:PORT into the endpoint.
Status SplitHost(const std::string& whole, std::string_view where, Endpoint* endpoint) {
  const std::size_t bracket = where.rfind(']');
  const std::size_t colon = where.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    endpoint->port = where.substr(colon + 1);
    const auto port = ParseUint(endpoint->port, 65535);
    if (!port.ok() || *port == 0) return Unknown(whole, "'" + endpoint->port + "' is no port");
    where = where.substr(0, colon);
  }
  if (where.starts_with('[') && where.ends_with(']')) where = where.substr(1, where.size() - 2);
  endpoint->host = where;
  // What a program is given as an argument of its own is not to be one of its options.
  if (where.starts_with('-')) return Unknown(whole, "'" + endpoint->host + "' is no host");
  return Ok();
}

Result<Endpoint> ParseTcp(const std::string& host, const TlsChoice& tls) {
  Endpoint endpoint;
  endpoint.kind = Endpoint::Kind::kTcp;
  endpoint.name = host;
  endpoint.tls = tls;
  std::string_view where = std::string_view(host).substr(kTcp.size());
  if (where.ends_with('/')) where.remove_suffix(1);
  if (where.contains('/')) return Unknown(host, "a path cannot be reached by TCP");
  TRY(SplitHost(host, where, &endpoint));
  if (endpoint.host.empty()) endpoint.host = "localhost";
  if (endpoint.port.empty()) endpoint.port = tls.on ? "2376" : "2375";
  return endpoint;
}

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
         c == '_' || c == '-';
}

Result<Endpoint> ParseSsh(const std::string& host) {
  Endpoint endpoint;
  endpoint.kind = Endpoint::Kind::kSsh;
  endpoint.name = host;
  std::string_view where = std::string_view(host).substr(kSsh.size());
  if (where.contains('?') || where.contains('#')) return Unknown(host, "nothing may be behind '?' or '#'");
  if (const std::size_t slash = where.find('/'); slash != std::string_view::npos) {
    endpoint.socket = where.substr(slash);
    where = where.substr(0, slash);
  }
  if (endpoint.socket == "/") endpoint.socket.clear();
  // It goes through a shell there.
  if (!std::all_of(endpoint.socket.begin(), endpoint.socket.end(), IsPlain))
    return Unknown(host, "'" + endpoint.socket + "' has characters that a shell would take for others");
  if (const std::size_t at = where.rfind('@'); at != std::string_view::npos) {
    endpoint.user = where.substr(0, at);
    where = where.substr(at + 1);
  }
  if (endpoint.user.contains(':')) return Unknown(host, "plain-text password is not supported");
  if (endpoint.user.starts_with('-')) return Unknown(host, "'" + endpoint.user + "' is no user");
  TRY(SplitHost(host, where, &endpoint));
  if (endpoint.host.empty()) return Unknown(host, "no host is named");
  return endpoint;
}

}  // namespace

Result<Endpoint> ParseEngineHost(const std::string& host, const TlsChoice& tls) {
  if (host.starts_with(kTcp)) return ParseTcp(host, tls);
  if (host.starts_with(kSsh)) return ParseSsh(host);
  Endpoint endpoint;
  if (host.starts_with(kUnix)) endpoint.socket = host.substr(kUnix.size());
  if (host.starts_with('/')) endpoint.socket = host;
  if (endpoint.socket.empty()) return Unknown(host, "no kind of host is known that begins so");
  return endpoint;
}

}  // namespace estiba::cli
