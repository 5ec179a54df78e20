#pragma once
// Questions at a terminal.

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::cli {

// The next line of `fd`, without its end. Byte by byte: what follows stays for whoever reads next.
Result<std::string> ReadAnswer(int fd);

// Asks on standard output and reads from the terminal `fd` without showing what is typed. A signal that ends us leaves
// the terminal as it was.
Result<std::string> AskSecret(int fd, std::string_view question);

}  // namespace estiba::cli
