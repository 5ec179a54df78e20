#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::engine {

// The file system below the data root.
struct Backing {
  std::string name;          // as docker's API calls it: "extfs", "xfs", "tmpfs"; "<unknown>"
  bool d_type = false;       // its directories tell the kinds of their entries: what overlayfs needs
};

// Of the file system of a directory that has a directory in it (statfs(2), readdir(3)).
Result<Backing> LookAtBacking(os::DirFd folder);

// "DriverStatus" of GET /info: containers are overlays, whatever form their layers have, or copies. `userxattr`:
// overlayfs's attributes are the user's.
std::vector<std::vector<std::string>> DriverStatus(const Backing& backing, bool copies, bool userxattr);

}  // namespace estiba::engine
