#pragma once
// What a container may ask of its place in one network, beyond addresses: docker's driver options of an endpoint, and
// its links. Pure.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dns/endpoint.h"

namespace estiba::engine {

struct EndpointOptions {
  std::string ifname;  // "": the next free "eth0", "eth1", …
  // "com.docker.network.endpoint.sysctls": below /proc/sys/net, IFNAME still in the place of the interface.
  std::vector<std::pair<std::string, std::string>> sysctls;

  // IFNAME replaced.
  std::vector<std::pair<std::string, std::string>> SysctlsOf(const std::string& interface) const;
};
// kInvalidArgument for what cannot be, and for options that are not known.
Result<EndpointOptions> ParseEndpointOptions(const std::map<std::string, std::string>& options);

// "CONTAINER[:ALIAS]", or as docker shows it of a container that exists: "/CONTAINER:/OWNER/ALIAS". kInvalidArgument.
Result<dns::Link> ParseLink(const std::string& text);

}  // namespace estiba::engine
