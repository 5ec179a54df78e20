#pragma once
// Options of the "local" volume driver: what is mounted where a volume is more than a folder (docker's words). Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::engine {

using DriverOptions = std::map<std::string, std::string>;

struct VolumeDevice {
  std::string type;                  // "nfs", "tmpfs", "ext4", "none"
  std::string device;                // ":/export", "/dev/sdb1", "/folder"
  std::vector<std::string> options;  // of mount(8)'s -o
  bool bind = false;                 // a folder or file of the host's; `options` is without that word
  bool recursive = false;            // rbind
};

// "invalid option", "missing required option": device, type and o go together.
Status CheckDriverOptions(const DriverOptions& options);
// Nothing for a volume that is a folder of the engine's.
std::optional<VolumeDevice> DeviceOf(const DriverOptions& options);
// Bytes of "size"; 0: no limit.
Result<std::uint64_t> SizeOf(const DriverOptions& options);

}  // namespace estiba::engine
