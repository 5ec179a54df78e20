#pragma once
// Forwarding of the host, on while networks need it and put back afterwards. What settings were is recorded in a folder
// (files "ipv4" and "ipv6") before they are changed, so that any later process can put them back.
//
// IPv4 has net.ipv4.ip_forward: answers come in over any of the host's links, now or later, and each of them would need
// its own switch. IPv6 has the switch force_forwarding of all links (Linux 6.17), which leaves the host a host that
// takes router advertisements; older kernels net.ipv6.conf.all.forwarding, with accept_ra 2 where it was 1, so that
// links keep what they learned.

#include <string>

#include "base/result.h"

namespace estiba::net {

enum class Family : unsigned char { kIpv4 = 4, kIpv6 = 6 };

// Quick when it is on. `folder` exists.
Status EnsureForwarding(const std::string& folder, Family family);
// What nobody has changed since gets the value that it had before; where forwarding has been switched off meanwhile,
// nothing is touched. Nothing recorded, nothing to do. The caller sees to it that nobody needs it.
Status PutForwardingBack(const std::string& folder, Family family);
// True while it is on because of us.
bool ForwardingIsOurs(const std::string& folder, Family family);

}  // namespace estiba::net
