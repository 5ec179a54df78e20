#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "net/ports.h"
#include "os/netlink.h"

namespace estiba::net {

// Drops the kernel's memory of UDP flows to ports that are newly published, or are no more. Addresses are translated
// for a flow's first packet only, so a client that has been sending all the time would never reach the container, or
// still the one before it. TCP connections end by themselves.
Status ForgetFlows(os::NetlinkSocket& socket, const std::vector<PublishedPort>& ports);

// Where a tracked flow was first sent to (CTA_TUPLE_ORIG).
struct Flow {
  std::uint8_t protocol = 0;
  Ip destination;
  std::uint16_t port = 0;
};
std::optional<Flow> ParseFlow(std::string_view tuple);

}  // namespace estiba::net
