#pragma once
// Which engine a command speaks to.

#include <optional>
#include <string>

#include "base/result.h"

namespace estiba::cli {

struct Endpoint {
  std::string socket;  // path
  bool ours = false;   // the default or configured engine of this user: started when its socket is silent
  std::string config;  // file to start it with; "" for the default one
  std::string log;     // where that engine logs

  std::string Display() const { return "unix://" + socket; }
};

// What of the environment decides; given, so that tests need not change theirs.
struct Surroundings {
  std::optional<std::string> host;         // -H
  std::optional<std::string> estiba_host;  // ESTIBA_HOST
  std::optional<std::string> docker_host;  // DOCKER_HOST
  std::optional<std::string> config;       // ESTIBA_CONFIG
  std::string home;
  std::string runtime_dir;  // XDG_RUNTIME_DIR
  std::string data_home;    // XDG_DATA_HOME
  std::string config_home;  // XDG_CONFIG_HOME
  unsigned uid = 0;

  static Surroundings OfThisProcess(std::optional<std::string> host);
};

// -H, ESTIBA_HOST, DOCKER_HOST, then the engine's configuration (run_root, socket), then its defaults.
Result<Endpoint> FindEndpoint(const Surroundings& around);

}  // namespace estiba::cli
