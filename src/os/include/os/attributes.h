#pragma once
// Extended attributes (xattr(7)) of what a descriptor stands for, an O_PATH one and a symbolic link's too.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::os {

// By name: (name, value).
using Attributes = std::vector<std::pair<std::string, std::string>>;

// None where the file system keeps none; those that go meanwhile are left out.
Result<Attributes> ReadAttributes(int fd);
// Nothing: it has none of this name.
Result<std::optional<std::string>> ReadAttribute(int fd, const std::string& name);

// overlayfs's own: an image that could set them would choose where overlayfs looks.
bool IsOverlayAttribute(std::string_view name);
// What overlayfs has noted of a directory: 'y', it hides those below it; 'x', empty files in it may be whiteouts (Linux
// 6.7); NUL, nothing.
char OverlayMark(int directory);

}  // namespace estiba::os
