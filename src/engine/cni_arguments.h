#pragma once
// What a container wants of a CNI network, in the words of the plugins' conventions ("capabilities"). Pure.

#include <string>
#include <vector>

#include "base/result.h"
#include "cni/config.h"
#include "net/ports.h"

namespace estiba::engine {

struct CniWishes {
  std::vector<net::PublishedPort> ports;  // host_ip, host_port, container_port, protocol
  std::vector<std::string> ips;           // "10.1.0.5"
  std::string mac;
  std::vector<std::string> aliases;
  std::vector<std::string> dns_servers;   // --dns, --dns-search, --dns-option
  std::vector<std::string> dns_searches;
  std::vector<std::string> dns_options;
  std::string cgroup_path;
};

// By capability, all that is wanted: each plugin is told of those that it declares.
codec::Json CapabilityArgs(const CniWishes& wishes);

// The capabilities without which what a user asked for would be ignored.
inline constexpr char kCniPorts[] = "portMappings";
inline constexpr char kCniIps[] = "ips";
inline constexpr char kCniMac[] = "mac";
// kInvalidArgument when no plugin of the network has it. `what`: "published ports".
Status CheckCapability(const cni::NetworkFile& network, const char* capability, const std::string& what);

}  // namespace estiba::engine
