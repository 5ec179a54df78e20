#pragma once
// Refuses what a create request must not say, and what it says that nobody here does: by the field's name, never
// silently. Pure.

#include <string>
#include <vector>

#include "apitypes/container.h"
#include "base/result.h"
#include "net/ports.h"
#include "process.h"
#include "mount_point.h"

namespace estiba::engine {

struct HostLimits {
  int cpus = 1;
  bool swap_limit = true;
};

// Everything that can be said without looking at the host. Fills in defaults (restart policy, log driver); warnings
// are for the answer.
Status ValidateCreate(apitypes::ContainerCreate& create, const HostLimits& host, std::vector<std::string>* warnings);
Status ValidateResources(const apitypes::Resources& resources, const HostLimits& host,
                         std::vector<std::string>* warnings);
// Bytes of --storage-opt size=; 0: no limit.
Result<std::uint64_t> SizeLimit(const apitypes::HostConfig& host);
Status ValidateRestartPolicy(const apitypes::RestartPolicy& policy, bool auto_remove);

// Puts the image's defaults under what the request says.
Result<Command> MergeImage(apitypes::ContainerCreate& create, const ImageDefaults& image);

// Binds, Mounts, Tmpfs and Volumes in one list, parents first; VolumesFrom is the caller's.
Result<std::vector<MountPoint>> CollectMounts(const apitypes::ContainerCreate& create);

// What shall be published, from PortBindings, and with PublishAllPorts from the exposed ports.
Result<std::vector<net::PublishRequest>> CollectPorts(const apitypes::ContainerCreate& create);

}  // namespace estiba::engine
