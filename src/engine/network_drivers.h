#pragma once
// Networks of the drivers beside bridge: what their options say, the links of the host's they need, and what their
// containers get in a plan.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/bridge_link.h"
#include "net/parent_link.h"
#include "networks.h"
#include "plan/build.h"

namespace estiba::engine {

// Of `network create -d`. kInvalidArgument "could not find plugin x …" for one nobody knows.
Status CheckDriver(const std::string& driver);
// True for macvlan and ipvlan: containers' links sit on a link of the host's, and the host is not on that network.
bool SitsOnParent(const std::string& driver);

// Reads what the options say of a driver that is not bridge, with docker's messages.
Status ReadDriverOptions(NetworkRecord& record);

// A bridge of the administrator's, who sees to its addresses and rules.
bool IsUnmanaged(const NetworkRecord& network);

// What containers' links sit on: `-o parent=`, else a dummy that is named after the network.
std::string ParentOf(const NetworkRecord& network);
// True when all containers have the parent's hardware address: ipvlan, and macvlan's mode passthru.
bool HasParentsMac(const NetworkRecord& network);
using NetworkList = std::vector<std::shared_ptr<const NetworkRecord>>;
// Two networks may share a parent, but for macvlan's mode passthru. kPermissionDenied, as docker has it.
Status CheckParentIsFree(const NetworkRecord& network, const NetworkList& others);
// What has to be on the host before a network's first container is looked for, or made: a VLAN for "eth0.10", a dummy
// where no parent was given, a bridge with VLANs or in a VRF.
Status PrepareLinks(const NetworkRecord& network, const NetworkList& others);
// What of a bridge's link is not as usual: where that is so, it has to be made before EnsureBridge.
std::optional<net::BridgeLinkSpec> BridgeLinkOf(const NetworkRecord& network);
// Takes away what was made once none of `others` uses it.
Status DropParent(const NetworkRecord& network, const NetworkList& others);

// ipvlan's modes l3 and l3s have no neighbours: everything is sent to the device, as docker has it.
bool RoutesByDevice(const NetworkRecord& network);
plan::Upper PlanUpper(const Endpoint& endpoint, const NetworkRecord& network);

}  // namespace estiba::engine
