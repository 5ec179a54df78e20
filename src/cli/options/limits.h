#pragma once
// Smaller option values of create and run: --ulimit, --device, --restart, --security-opt, --add-host,
// --tmpfs.

#include <map>
#include <string>
#include <vector>

#include "apitypes/host_config.h"
#include "base/result.h"

namespace estiba::cli {

// "nofile=1024:2048", "core=-1".
Result<apitypes::Ulimit> ParseUlimit(const std::string& text);
// "/dev/fuse", "/dev/sda:/dev/xvda", "/dev/sda:/dev/xvda:r".
Result<apitypes::DeviceMapping> ParseDevice(const std::string& text);
// "no", "always", "unless-stopped", "on-failure:3".
Result<apitypes::RestartPolicy> ParseRestart(const std::string& text);
// "host:ip" or "host=ip" → "host:ip"; the address may be host-gateway.
Result<std::string> ParseExtraHost(const std::string& text);
// "/device:rate" with a rate in bytes or operations.
Result<apitypes::ThrottleDevice> ParseThrottle(const std::string& text, bool bytes);
// Reads the profile of "seccomp=FILE"; takes "systempaths=unconfined" out of the list and says so.
struct SecurityOptions {
  std::vector<std::string> options;
  bool system_paths_unconfined = false;
};
Result<SecurityOptions> ReadSecurityOptions(const std::vector<std::string>& values);

}  // namespace estiba::cli
