#pragma once
// Which engine a command speaks to.

#include <optional>
#include <string>

#include "base/result.h"

namespace estiba::cli {

// TLS to an engine, as --tls, --tlsverify and their files ask for it.
struct TlsChoice {
  bool on = false;
  bool verify = false;  // the engine's certificate
  std::string ca{};     // of whom; "": those that this machine trusts
  std::string cert{};   // ours; "": none is shown
  std::string key{};
};

struct Endpoint {
  enum class Kind : unsigned char { kUnix, kTcp, kSsh };
  Kind kind = Kind::kUnix;
  std::string socket;  // path; for kSsh there, "" for the engine that is found there
  bool ours = false;   // the default or configured engine of this user: started when its socket is silent
  std::string config;  // file to start it with; "" for the default one
  std::string log;     // where that engine logs

  // Of an engine elsewhere.
  std::string name{};  // as it was given
  std::string user{};
  std::string host{};
  std::string port{};
  TlsChoice tls{};

  // Descriptors can be passed to it.
  bool here() const { return kind == Kind::kUnix; }
  std::string Display() const { return here() ? "unix://" + socket : name; }
};

// What the command line says of whom to speak to.
struct HostFlags {
  std::optional<std::string> host{};  // -H
  std::optional<bool> tls{};
  std::optional<bool> tlsverify{};
  std::optional<std::string> tlscacert{};
  std::optional<std::string> tlscert{};
  std::optional<std::string> tlskey{};
};

// What of the environment decides; given, so that tests need not change theirs.
struct Surroundings {
  HostFlags flags;
  std::optional<std::string> estiba_host;  // ESTIBA_HOST
  std::optional<std::string> docker_host;  // DOCKER_HOST
  std::optional<std::string> config;       // ESTIBA_CONFIG
  bool docker_tls = false;                 // DOCKER_TLS
  bool docker_tls_verify = false;          // DOCKER_TLS_VERIFY
  std::string cert_path;                   // DOCKER_CERT_PATH, else the folder of docker's own configuration
  std::string home;
  std::string runtime_dir;  // XDG_RUNTIME_DIR
  std::string data_home;    // XDG_DATA_HOME
  std::string config_home;  // XDG_CONFIG_HOME
  unsigned uid = 0;

  static Surroundings OfThisProcess(HostFlags flags);
};

// TLS as flags and variables ask for it, as docker's command line reads them: files that nobody named count where they
// are there.
TlsChoice ChooseTls(const Surroundings& around);

// -H, ESTIBA_HOST, DOCKER_HOST, then the engine's configuration (run_root, socket), then its defaults.
Result<Endpoint> FindEndpoint(const Surroundings& around);

}  // namespace estiba::cli
