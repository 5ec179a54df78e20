#pragma once
// Where this host's cgroup hierarchies are mounted and where this process sits in them.

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::cgroup {

enum class Mode : unsigned char {
  kNone,     // nothing mounted
  kLegacy,   // v1 only
  kHybrid,   // v1 controllers and a cgroup2 without (all of) them
  kUnified,  // cgroup2 only
};

// One mounted hierarchy.
struct Hierarchy {
  bool unified = false;
  std::string mountpoint;                // "/sys/fs/cgroup/memory"
  std::vector<std::string> controllers;  // v1: of the mount ("cpu","cpuacct"); unified: cgroup.controllers at the root
  std::string name;                      // v1 named hierarchies ("systemd"): "name=" stripped; else empty
  std::string mount_root;                // field 4 of mountinfo: "/" or what part of the tree is mounted
  std::string own_path = "/";            // this process's cgroup, relative to the mount: "/" , "/user.slice/…"
  // Where relative cgroup paths start: "/" when we may write at the mount's root, else our own cgroup.
  std::string base = "/";
  bool delegated = true;                 // we may make cgroups at `base`
};

// All of them. Empty `hierarchies` on a host without cgroups.
struct Hierarchies {
  Mode mode = Mode::kNone;
  std::vector<Hierarchy> hierarchies;
  // Device programs can be attached to the unified hierarchy (CONFIG_CGROUP_BPF, and the privilege): then v1's
  // devices controller is left alone.
  bool device_programs = false;
  // Swap is accounted, so that memory.swap can be set (v1: memory.memsw.* exist).
  bool swap_accounting = true;

  const Hierarchy* Unified() const;
  // The hierarchy a controller's files are in ("memory", "cpu", …), or null.
  const Hierarchy* Find(std::string_view controller) const;
  bool Has(std::string_view controller) const { return Find(controller) != nullptr; }
  // A relative cgroup path made absolute, the same from wherever it is looked at later: below the base of the unified
  // hierarchy, or of the first that is delegated to us.
  std::string Resolve(const std::string& path) const;
};

// Where a process is on the unified hierarchy, relative to its mount; empty when there is none.
Result<std::string> UnifiedPathOf(const Hierarchies& hierarchies, pid_t pid);
// Reads /proc/self/mountinfo and /proc/self/cgroup. The first mount of each hierarchy that no other covers counts.
Result<Hierarchies> Probe();
// As far as systemd makes the cgroup: the unified hierarchy has its root's controllers, whatever was handed on to where
// this process is. systemd enables what a unit's limits want; a file that is missing is an error of the write.
Status UseRootControllers(Hierarchies& hierarchies);
// The same from texts; `unified_controllers` is the content of the unified root's cgroup.controllers. Pure.
Hierarchies ProbeFrom(std::string_view mountinfo, std::string_view self_cgroup, std::string_view unified_controllers);

}  // namespace estiba::cgroup
