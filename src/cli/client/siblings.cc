#include "client/siblings.h"

#include <cstdlib>

#include <unistd.h>

#include "os/file.h"

namespace estiba::cli {

Result<std::string> FindSibling(const std::string& name) {
  const std::string folder = TRY(os::ProgramDirectory());
  for (const std::string& path : {folder + "/../libexec/estiba/" + name, folder + "/" + name})
    if (::access(path.c_str(), X_OK) == 0) return path;
  return Error(Code::kNotFound, "find the program '" + name + "' beside this one in '" + folder + "'")
      .Hint("install it where this one is");
}

Result<os::SpawnOptions> EngineFor(const std::string& argument) {
  os::SpawnOptions spawn;
  spawn.program = TRY(FindSibling("estibad"));
  spawn.argv = {"estibad", argument};
  if (const char* config = std::getenv("ESTIBA_CONFIG"); config != nullptr && *config != '\0')
    spawn.argv.insert(spawn.argv.end(), {"--config", config});
  for (char** variable = ::environ; *variable != nullptr; ++variable) spawn.env.emplace_back(*variable);
  spawn.fds = {{STDERR_FILENO, STDERR_FILENO}};
  return spawn;
}

}  // namespace estiba::cli
