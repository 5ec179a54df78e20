#pragma once
// What addresses a link of the host's has.

#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace estiba::net {

// Without link-local ones, in the kernel's order; none for a link that is not there.
Result<std::vector<IpPrefix>> AddressesOf(const std::string& link);

}  // namespace estiba::net
