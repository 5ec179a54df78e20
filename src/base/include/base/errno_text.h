// The texts of error numbers.
#pragma once

#include <string>

namespace estiba {

// As glibc's strerror(3) has them, whichever C library a program is built with: people and programs know these words.
// A number that is none: "Unknown error N".
std::string ErrnoText(int number);

}  // namespace estiba
