#pragma once
// A bridge's link where it is to be more than the default: a filter of VLANs (802.1Q), a member of a VRF. In the style
// of net/setup.h: one function a step.

#include <string>

#include "net/address.h"

namespace estiba::net {

struct BridgeLinkSpec {
  std::string name;
  Mac mac{};         // fixed: a bridge would otherwise have the lowest of its ports'
  unsigned mtu = 0;  // 0: the kernel's default
  unsigned vlan = 0;  // 1 to 4094: the bridge filters VLANs and is itself in that one; 0: it does not filter
  std::string vrf{};  // a VRF device that is there; empty: none
};
// Made if it is missing, down and without an address (EnsureBridge sees to the rest). One that was there and is not
// ours is taken as it is: kFailedPrecondition when it is not in that VRF, or is to filter VLANs. kNotFound when there
// is no such VRF; kNotImplemented names what the kernel lacks.
Status EnsureBridgeLink(const BridgeLinkSpec& link);

// What `port`, a port of a bridge, sends and gets without a tag is of that VLAN and of no other. kFailedPrecondition
// when the bridge does not filter VLANs.
Status JoinVlan(const std::string& port, unsigned vlan);
// kFailedPrecondition, with the command that changes it, when the bridge does not filter VLANs; kNotFound without one.
Status CheckFiltersVlans(const std::string& bridge);

}  // namespace estiba::net
