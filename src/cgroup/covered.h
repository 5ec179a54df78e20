#pragma once
// Which lines of mountinfo are mounts that a path still leads to.

#include <string>
#include <string_view>
#include <vector>

namespace estiba::cgroup {

// A line of mountinfo in its fields (proc_pid_mountinfo(5)): id, parent's id, device, root, mount point, …
using MountLine = std::vector<std::string>;

// Lines with too few fields are left out.
std::vector<MountLine> MountLines(std::string_view mountinfo);
// Another mount lies over it or over a folder on the way to it: its files are out of reach by path.
bool Covered(const std::vector<MountLine>& mounts, const MountLine& mount);

}  // namespace estiba::cgroup
