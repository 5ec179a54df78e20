#include "user_network.h"

#include <thread>

#include "bridge_options.h"
#include "network_drivers.h"
#include "os/netns.h"
#include "os/process.h"
#include "uplink/client.h"

namespace estiba::engine {
namespace {

Error NeedsRoot(const NetworkRecord& network, const std::string& what) {
  return Error(Code::kInvalidArgument, "network '" + network.name + "': " + what +
                                           " needs root: a user's networks are in a network namespace of their own");
}

// By a thread that ends there: the way back, to a namespace that is not the user's, would be forbidden.
Status WorkIn(int netns, const std::function<Status()>& work) {
  Status done = Ok();
  std::thread visitor([&] {
    done = os::EnterNetworkNamespace(netns);
    if (done.ok()) done = work();
  });
  visitor.join();
  return done;
}

}  // namespace

std::string UserNetworkFolder(const Config& config) { return config.run_root + "/uplink"; }

Result<std::string> FindWayOut(const Config& config) {
  for (const char* name : {"pasta", "slirp4netns"}) {
    if (config.way_out != "auto" && config.way_out != name) continue;
    if (auto found = os::FindProgram(name); found.ok()) return found;
  }
  const std::string wanted = config.way_out == "auto" ? "neither pasta nor slirp4netns" : "no " + config.way_out;
  return Error(Code::kFailedPrecondition, "there is " + wanted + " to lead a user's containers to other hosts")
      .Hint("install the package passt (pasta) or slirp4netns, or use --network none, host or an internal one");
}

Result<plan::Network::OfUser> PlanUserNetwork(const Config& config, const std::string& uplink_program, bool outward) {
  plan::Network::OfUser user;
  user.folder = UserNetworkFolder(config);
  user.program = uplink_program;
  if (outward) user.way_out = TRY(FindWayOut(config));
  return user;
}

Status CheckUserNetwork(const NetworkRecord& network) {
  if (SitsOnParent(network.driver)) return NeedsRoot(network, "driver " + network.driver);
  if (IsUnmanaged(network)) return NeedsRoot(network, "mode=unmanaged");
  const BridgeOptions options = TRY(ParseBridgeOptions(network.options, network.internal));
  for (const bool v6 : {false, true}) {
    const net::GatewayMode mode = options.Mode(v6);
    if (mode == net::GatewayMode::kRouted || mode == net::GatewayMode::kNatUnprotected)
      return NeedsRoot(network, "to be reached by containers' own addresses");
  }
  if (options.source_ipv4 || options.source_ipv6)
    return NeedsRoot(network, "com.docker.network.host_ipv4 or host_ipv6");
  if (options.vlan != 0) return NeedsRoot(network, "vlan");
  if (!options.vrf.empty()) return NeedsRoot(network, "vrf");
  if (!options.trusted.empty()) return NeedsRoot(network, "com.docker.network.bridge.trusted_host_interfaces");
  return Ok();
}

Status WithBridges(const Config& config, const std::function<Status()>& work) {
  if (!config.rootless) return work();
  const auto network = TRY(uplink::Find(UserNetworkFolder(config)));
  return network ? WorkIn(network->netns.get(), work) : Ok();
}

std::string WayOutTrouble(const Config& config) {
  auto trouble = uplink::WayOutTrouble(UserNetworkFolder(config));
  return trouble.ok() ? *trouble : std::string();
}

}  // namespace estiba::engine
