#pragma once
// Paths by their letters alone, as Go's path package has them; nothing is looked at.

#include <string>
#include <string_view>

namespace estiba {

// path.Clean: "a//b/./../c" → "a/c", "" → ".".
std::string CleanedPath(std::string_view path);
// The same with a "/" or "/." at the end kept: both ask for a directory.
std::string CleanedKeepingEnd(std::string_view path);
// path.Base: "/etc/" → "etc", "/etc/." → ".", "/" → "/", "" → ".".
std::string LastName(std::string_view path);

}  // namespace estiba
