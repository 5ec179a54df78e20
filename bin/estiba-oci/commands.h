#pragma once
// The commands. Each answers the program's exit code.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "flags.h"
#include "report.h"

namespace estiba::ocicli {

// What stands before the command.
struct Globals {
  std::string root;
  std::optional<bool> rootless;  // unset: found out
  bool systemd = false;    // scopes of systemd
  bool use_cgroup = true;  // false: --cgroup-manager=disabled
};

struct Context {
  const Globals& globals;
  const Reporter& reporter;
  const Flags& flags;
};

struct Command {
  const char* name;
  const char* usage;
  const char* help;
  std::vector<FlagSpec> flags;
  std::size_t least;  // words after the options
  std::size_t most;
  Result<int> (*run)(const Context& context);
};

Result<int> CreateCommand(const Context& context);
Result<int> RunCommand(const Context& context);
Result<int> StartCommand(const Context& context);
Result<int> ExecCommand(const Context& context);
Result<int> StateCommand(const Context& context);
Result<int> ListCommand(const Context& context);
Result<int> KillCommand(const Context& context);
Result<int> DeleteCommand(const Context& context);
Result<int> PauseCommand(const Context& context);
Result<int> ResumeCommand(const Context& context);
Result<int> PsCommand(const Context& context);
Result<int> EventsCommand(const Context& context);
Result<int> CheckpointCommand(const Context& context);
Result<int> RestoreCommand(const Context& context);
Result<int> UpdateCommand(const Context& context);
Result<int> SpecCommand(const Context& context);
Result<int> MountsCommand(const Context& context);
Result<int> AuditCommand(const Context& context);
Result<int> ExplainCommand(const Context& context);
Result<int> FeaturesCommand(const Context& context);

std::vector<Command> Commands();

}  // namespace estiba::ocicli
