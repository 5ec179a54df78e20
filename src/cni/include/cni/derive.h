#pragma once
// What one plugin is started with: its configuration, derived from the network's (CNI specification 1.1.0, section 3),
// and its environment. Pure.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cni/config.h"
#include "cni/result.h"

namespace estiba::cni {

enum class Command : unsigned char { kAdd, kDel, kCheck, kGc, kStatus, kVersion };
// "ADD", …: CNI_COMMAND.
std::string_view ToString(Command command);

// One container's end of one network.
struct Invocation {
  std::string container;  // CNI_CONTAINERID: the container's id
  std::string netns;      // CNI_NETNS: a path; empty when the namespace is gone
  std::string ifname;     // CNI_IFNAME
  std::vector<std::pair<std::string, std::string>> args;    // CNI_ARGS
  codec::Json capability_args = codec::Json::MakeObject();  // by capability: "portMappings", "ips", "mac", …
};

// kInvalidArgument when a name is none, or an argument cannot be told in CNI_ARGS.
Status CheckInvocation(const Invocation& invocation);

// The standard input of ADD, DEL and CHECK: name and version are the network's, runtimeConfig has what the plugin
// declares to be capable of, and nothing else. `previous`: of the plugin before (ADD), or of the whole chain.
std::string Derive(const NetworkList& list, const Plugin& plugin, const Invocation& invocation,
                   const AddResult* previous);

struct ValidAttachment {
  std::string container;
  std::string ifname;
};
// Of STATUS (`valid` null) and GC.
std::string DeriveWithout(const NetworkList& list, const Plugin& plugin, const std::vector<ValidAttachment>* valid);
// Of VERSION.
std::string DeriveVersion(Version version);

// All of it: CNI_… and a PATH for the programs that plugins run themselves.
std::vector<std::string> Environment(Command command, const Invocation& invocation,
                                     const std::vector<std::string>& bin_dirs);

}  // namespace estiba::cni
