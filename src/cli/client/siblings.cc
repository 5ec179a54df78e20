#include "client/siblings.h"

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

}  // namespace estiba::cli
