#include "client/endpoint.h"

#include <array>
#include <cstdlib>

#include <limits.h>
#include <unistd.h>

#include "codec/toml.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kMaxConfig = 1U << 20;

std::optional<std::string> Variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

// XDG variables that are not absolute are to be ignored, says the specification.
std::string Folder(const char* name, const std::string& otherwise) {
  const auto value = Variable(name);
  return value && value->front() == '/' ? *value : otherwise;
}

// The engine runs in "/": it must be told the whole path.
Result<std::string> RealPath(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  if (::realpath(path.c_str(), real.data()) == nullptr)
    return Error::Errno(errno, "find configuration '" + path + "'");
  return std::string(real.data());
}

Result<std::string> HostPath(const std::string& host) {
  constexpr std::string_view kUnix = "unix://";
  if (host.starts_with(kUnix) && host.size() > kUnix.size()) return host.substr(kUnix.size());
  if (host.starts_with('/')) return host;
  return Error(Code::kInvalidArgument, "unable to parse engine host '" + host + "'")
      .Hint("only sockets on this machine are spoken to: -H unix:///path/to/socket");
}

Endpoint Defaults(const Surroundings& around) {
  Endpoint endpoint;
  endpoint.ours = true;
  if (around.uid == 0) {
    endpoint.socket = "/run/estiba/estiba.sock";
    endpoint.log = "/var/lib/estiba/estibad.log";
    return endpoint;
  }
  const std::string run = around.runtime_dir.empty() ? "/tmp/estiba-" + std::to_string(around.uid)
                                                     : around.runtime_dir + "/estiba";
  endpoint.socket = run + "/estiba.sock";
  endpoint.log = around.data_home + "/estiba/estibad.log";
  return endpoint;
}

// Takes what says where the socket and the log are; the engine itself checks the rest.
Status Apply(const std::string& text, const std::string& file, Endpoint* endpoint) {
  const auto table = TRY_CTX(codec::ParseToml(text), "read '" + file + "'");
  const auto string = [&](const codec::TomlValue* value) {
    return value != nullptr && value->kind == codec::TomlValue::Kind::kString ? value->text : std::string();
  };
  if (const auto root = string(table.Find("run_root")); !root.empty())
    endpoint->socket = root + "/estiba.sock";
  if (const auto socket = string(table.Find("socket")); !socket.empty()) endpoint->socket = socket;
  if (const auto root = string(table.Find("data_root")); !root.empty()) endpoint->log = root + "/estibad.log";
  const auto* log = table.Find("log");
  if (log == nullptr) return Ok();
  if (const auto path = string(log->Find("file")); !path.empty()) endpoint->log = path;
  return Ok();
}

}  // namespace

Surroundings Surroundings::OfThisProcess(std::optional<std::string> host) {
  Surroundings around;
  around.host = std::move(host);
  around.estiba_host = Variable("ESTIBA_HOST");
  around.docker_host = Variable("DOCKER_HOST");
  around.config = Variable("ESTIBA_CONFIG");
  around.home = Folder("HOME", "/");
  around.runtime_dir = Folder("XDG_RUNTIME_DIR", "");
  around.data_home = Folder("XDG_DATA_HOME", around.home + "/.local/share");
  around.config_home = Folder("XDG_CONFIG_HOME", around.home + "/.config");
  around.uid = ::geteuid();
  return around;
}

Result<Endpoint> FindEndpoint(const Surroundings& around) {
  const auto& host =
      around.host ? around.host : (around.estiba_host ? around.estiba_host : around.docker_host);
  if (host) {
    Endpoint foreign;
    foreign.socket = TRY(HostPath(*host));
    return foreign;
  }
  Endpoint endpoint = Defaults(around);
  if (around.config) {
    endpoint.config = TRY(RealPath(*around.config));
    const auto text = TRY(os::ReadFile(endpoint.config, kMaxConfig));
    TRY(Apply(text, endpoint.config, &endpoint));
    return endpoint;
  }
  const std::string file =
      around.uid == 0 ? "/etc/estiba/estibad.toml" : around.config_home + "/estiba/estibad.toml";
  const auto text = os::ReadFile(file, kMaxConfig);
  if (text.ok()) {
    TRY(Apply(*text, file, &endpoint));
  } else if (text.error().errnum() != ENOENT && text.error().errnum() != ENOTDIR &&
             text.error().errnum() != EACCES) {
    return text.error().Clone();
  }
  return endpoint;
}

}  // namespace estiba::cli
