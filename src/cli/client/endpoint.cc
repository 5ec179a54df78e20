#include "client/endpoint.h"

#include <array>
#include <cstdlib>

#include <limits.h>
#include <unistd.h>

#include "client/engine_host.h"
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

// The file that was named, or the one that docker's command line looks for, where it is there.
std::string FileOf(const std::optional<std::string>& named, const std::string& otherwise) {
  if (named) return *named;
  return ::access(otherwise.c_str(), F_OK) == 0 ? otherwise : "";
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

Surroundings Surroundings::OfThisProcess(HostFlags flags) {
  Surroundings around;
  around.flags = std::move(flags);
  around.estiba_host = Variable("ESTIBA_HOST");
  around.docker_host = Variable("DOCKER_HOST");
  around.config = Variable("ESTIBA_CONFIG");
  around.home = Folder("HOME", "/");
  around.runtime_dir = Folder("XDG_RUNTIME_DIR", "");
  around.data_home = Folder("XDG_DATA_HOME", around.home + "/.local/share");
  around.config_home = Folder("XDG_CONFIG_HOME", around.home + "/.config");
  around.docker_tls = Variable("DOCKER_TLS").has_value();
  around.docker_tls_verify = Variable("DOCKER_TLS_VERIFY").has_value();
  const std::string docker = Variable("DOCKER_CONFIG").value_or(around.home + "/.docker");
  around.cert_path = Variable("DOCKER_CERT_PATH").value_or(docker);
  around.uid = ::geteuid();
  return around;
}

TlsChoice ChooseTls(const Surroundings& around) {
  TlsChoice tls;
  const HostFlags& flags = around.flags;
  tls.verify = flags.tlsverify.value_or(around.docker_tls_verify);
  // Either flag asks for TLS, --tlsverify=false without a look at the engine's certificate.
  tls.on = flags.tls.value_or(around.docker_tls) || flags.tlsverify.has_value() || tls.verify;
  if (!tls.on) return tls;
  tls.ca = FileOf(flags.tlscacert, around.cert_path + "/ca.pem");
  tls.cert = FileOf(flags.tlscert, around.cert_path + "/cert.pem");
  tls.key = FileOf(flags.tlskey, around.cert_path + "/key.pem");
  return tls;
}

Result<Endpoint> FindEndpoint(const Surroundings& around) {
  const auto& host =
      around.flags.host ? around.flags.host : (around.estiba_host ? around.estiba_host : around.docker_host);
  if (host) return ParseEngineHost(*host, ChooseTls(around));
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
