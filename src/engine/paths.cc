#include "paths.h"

#include <unistd.h>

namespace estiba::engine {
namespace {

Result<std::string> FirstOf(const std::vector<std::string>& candidates, int access, const std::string& what) {
  for (const std::string& path : candidates) {
    if (::access(path.c_str(), access) == 0) return path;
  }
  return Error(Code::kNotFound, "find " + what + ": not at '" + candidates[0] + "' nor '" + candidates[1] + "'");
}

}  // namespace

Result<std::string> FindProgram(const std::string& program_directory, const std::string& name) {
  return FirstOf({program_directory + "/../libexec/estiba/" + name, program_directory + "/" + name}, X_OK,
                 "program " + name);
}

Result<std::string> FindShared(const std::string& program_directory, const std::string& name) {
  return FirstOf({program_directory + "/../share/estiba/" + name, program_directory + "/../share/" + name}, R_OK, name);
}

}  // namespace estiba::engine
