#pragma once
// What the engine knows of the machine it runs on. Asked once, at start.

#include <string>
#include <vector>

#include "apitypes/host_config.h"
#include "base/result.h"
#include "engine/config.h"
#include "plan/build.h"
#include "spec/build.h"
#include "spec/validate.h"

namespace estiba::engine {

struct Host {
  plan::HostFacts facts;
  HostLimits limits;
  std::string name;              // of the host
  std::string kernel;            // "6.1.0-18-amd64"
  std::string architecture;      // "x86_64"
  std::string operating_system;  // PRETTY_NAME of os-release
  std::string boot_id;
  std::int64_t memory = 0;       // bytes
  std::uint64_t capabilities = ~std::uint64_t{0};  // our bounding set
  bool copies = false;           // containers are copies of their layers: no overlay can be mounted, or none shall be
};

Result<Host> ProbeHost(bool rootless);

// The device nodes that `--device` names, or with `privileged` all of the host's.
Result<std::vector<HostDevice>> FindDevices(const apitypes::HostConfig& host);

}  // namespace estiba::engine
