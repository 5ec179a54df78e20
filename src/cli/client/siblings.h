#pragma once

#include <string>

#include "base/result.h"
#include "os/process.h"

namespace estiba::cli {

// A program of ours that this one starts: in ../libexec/estiba, or beside it (docs/architecture.md). kNotFound.
Result<std::string> FindSibling(const std::string& name);

// `estibad ARGUMENT` for one task, in the caller's environment and by the caller's configuration. Standard error is
// inherited; what else is, the caller adds.
Result<os::SpawnOptions> EngineFor(const std::string& argument);

}  // namespace estiba::cli
