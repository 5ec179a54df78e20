#pragma once

#include <string>

#include "base/result.h"

namespace estiba::cli {

// A program of ours that this one starts: in ../libexec/estiba, or beside it (docs/architecture.md). kNotFound.
Result<std::string> FindSibling(const std::string& name);

}  // namespace estiba::cli
