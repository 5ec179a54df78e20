#pragma once
// Where the parts of an installation are.

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/programs.h"

namespace estiba::engine {

// `<folder of the program>/../share/estiba/NAME`, then `<folder>/../share/NAME`; kNotFound.
Result<std::string> FindShared(const std::string& program_directory, const std::string& name);

}  // namespace estiba::engine
