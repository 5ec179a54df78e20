#pragma once
// "user[:group]" by a container's own files, which are not trusted: they are only parsed.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace estiba::image {

struct ContainerUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// Numbers stand for themselves; a user without a group has the one of /etc/passwd, or 0. kNotFound for a name that is
// not in the files.
Result<ContainerUser> FindContainerUser(int root, const std::string& text);

}  // namespace estiba::image
