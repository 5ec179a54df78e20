#pragma once

#include <string>

#include "command.h"

namespace estiba::cli {

// The body of a GET to standard output, or whole or not at all to the file that --output names. A terminal is refused.
// `what` is for errors: "save image".
Result<int> SaveAnswer(App& app, const Options& options, const std::string& target, const std::string& what);

// The same into the new directory that --output names, by engines that write there themselves.
Result<int> SaveTree(App& app, const Options& options, const std::string& target, const std::string& what);

}  // namespace estiba::cli
