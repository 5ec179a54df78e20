#pragma once

#include <string>

#include "base/result.h"

namespace estiba::engine {

// `<folder of the program>/../libexec/estiba/NAME`, then beside it (a build tree has them all in bin). kNotFound.
Result<std::string> FindProgram(const std::string& program_directory, const std::string& name);

}  // namespace estiba::engine
