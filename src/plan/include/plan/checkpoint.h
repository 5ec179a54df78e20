#pragma once
// What checkpoint and restore want of a plan: which mounts CRIU cannot make by itself, and the part of the plan that
// leaves their mount points behind. Pure.

#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace estiba::plan {

// A mount of something that is not the container's own: CRIU is told its name when it writes the image, and what to
// mount there when it reads it.
struct ExternalMount {
  std::string name;         // the same for the one who writes and the one who reads; as runc has it
  std::string destination;  // as configured: it may lead through symbolic links
  std::string source;       // on the host; of a cgroup: the hierarchy, "memory", "name=systemd", "unified"
  bool is_cgroup = false;
  bool is_mask = false;     // a directory is masked by a file system of the container's own, which is no such mount
};

// Of a container's plan. kNotImplemented for an id-mapped mount, which CRIU would bring back without its map.
Result<std::vector<ExternalMount>> ExternalMounts(const Plan& plan);

// The plan as far as the mounts and no further: carried out and dropped, it leaves mount points in the root, as the
// whole plan would, and nothing else. Without hooks, cgroups and whatever else is seen outside.
Plan MountPointsOf(const Plan& plan);

}  // namespace estiba::plan
