#include "engine/hosts.h"

#include "base/parse.h"

namespace estiba::engine {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kPassed = "fd://";
constexpr std::uint16_t kPlainPort = 2375;
constexpr std::uint16_t kTlsPort = 2376;

Error Unknown(const std::string& text, const std::string& why) {
  return {Code::kInvalidArgument, "host '" + text + "': " + why};
}

// What is before and behind the last ':' that is not an IPv6 address's.
std::pair<std::string, std::string> SplitPort(std::string_view where) {
  const std::size_t bracket = where.rfind(']');
  const std::size_t colon = where.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket))
    return {std::string(where), ""};
  return {std::string(where.substr(0, colon)), std::string(where.substr(colon + 1))};
}

Result<ListenHost> ParseTcp(const std::string& text, bool tls) {
  auto [name, port] = SplitPort(std::string_view(text).substr(kTcp.size()));
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (name.empty() || name == "localhost") name = "127.0.0.1";
  ListenHost host;
  host.kind = ListenHost::Kind::kTcp;
  const auto address = ParseIp(name);
  if (!address.ok()) return Unknown(text, "'" + name + "' is no address, and names are not looked up");
  host.address = *address;
  host.port = tls ? kTlsPort : kPlainPort;
  if (port.empty()) return host;
  const auto number = ParseUint(port, 65535);
  if (!number.ok() || *number == 0) return Unknown(text, "'" + port + "' is no port");
  host.port = static_cast<std::uint16_t>(*number);
  return host;
}

}  // namespace

Result<ListenHost> ParseListenHost(const std::string& text, bool tls) {
  if (text.starts_with(kTcp)) return ParseTcp(text, tls);
  ListenHost host;
  if (text == kPassed) {
    host.kind = ListenHost::Kind::kPassed;
    return host;
  }
  if (!text.starts_with(kUnix)) return Unknown(text, "must be tcp://ADDRESS:PORT, unix:///PATH or fd://");
  host.path = text.substr(kUnix.size());
  if (!host.path.starts_with('/')) return Unknown(text, "must name an absolute path");
  return host;
}

bool SpeaksTls(const Config& config) { return config.tls.value_or(config.tlsverify.has_value()); }

bool VerifiesClients(const Config& config) { return SpeaksTls(config) && config.tlsverify.value_or(false); }

Status CheckExposure(const Config& config, const Ip& address, std::uint16_t port) {
  if (VerifiesClients(config) || address.IsLoopback()) return Ok();
  const bool said = !config.tls.value_or(true) || !config.tlsverify.value_or(true);
  if (said) return Ok();
  return Error(Code::kFailedPrecondition,
               "not listening at tcp://" + WithPort(address, port) +
                   ": whoever reaches that port could do anything with this machine")
      .Hint("let in only clients with certificates (--tlsverify, or tlsverify = true), or say that anybody may come "
            "in: --tlsverify=false with TLS, --tls=false without");
}

Result<std::vector<ListenHost>> ParseHosts(const Config& config) {
  if (config.tls == false && config.tlsverify == true)
    return Error(Code::kInvalidArgument, "tlsverify needs TLS, and tls says that there is to be none");
  std::vector<ListenHost> hosts;
  for (const std::string& text : config.hosts) {
    hosts.push_back(TRY(ParseListenHost(text, SpeaksTls(config))));
    const ListenHost& host = hosts.back();
    if (host.kind == ListenHost::Kind::kTcp) TRY(CheckExposure(config, host.address, host.port));
  }
  return hosts;
}

}  // namespace estiba::engine
