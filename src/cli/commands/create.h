#pragma once

#include <string>

#include "client/api.h"
#include "options/create_flags.h"

namespace estiba::cli {

// Creates the container, pulling its image as --pull says; warnings go to standard error. Answers the id.
Result<std::string> CreateContainer(Api* api, const CreateRequest& request);

// Prints an error of create or run as Docker does, with the program's name before it.
void PrintCreateError(const Error& error, std::string_view command, bool with_help);

}  // namespace estiba::cli
