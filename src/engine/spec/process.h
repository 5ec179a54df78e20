#pragma once
// What runs: command line, environment, labels, folder and user from a create request and an image. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apitypes/container.h"
#include "base/result.h"

namespace estiba::engine {

// The half of an image's configuration that containers start from.
struct ImageDefaults {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;
  std::map<std::string, std::string> labels;
  std::vector<std::string> volumes;
  std::vector<std::string> exposed_ports;  // "80/tcp"
  std::string working_dir;
  std::string user;
  std::string stop_signal;
  std::optional<apitypes::HealthConfig> healthcheck{};
};

struct Command {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> Argv() const;
};

// An entrypoint of the request replaces the image's and its command; an empty one ("" as the only word) removes it.
// kInvalidArgument when nothing is left to run.
Result<Command> MergeCommand(const std::optional<std::vector<std::string>>& entrypoint,
                             const std::vector<std::string>& cmd, const ImageDefaults& image);

// The request's variables, then those of the image it does not set.
std::vector<std::string> MergeEnv(const std::vector<std::string>& wanted, const std::vector<std::string>& image);

// `base` with `changes` applied in order: "K=v" replaces or appends, "K" alone takes K away.
std::vector<std::string> ApplyEnv(std::vector<std::string> base, const std::vector<std::string>& changes);

// The whole environment of a container's first process (HOME comes from the container's passwd file at start).
std::vector<std::string> ProcessEnv(const std::vector<std::string>& env, std::string_view hostname, bool tty);

inline constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// "SIGTERM", "TERM", "15" → 15.
Result<int> ParseSignal(std::string_view text);

}  // namespace estiba::engine
