#pragma once
// Name servers as values. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"

namespace estiba::dns {

// 4 or 16 bytes in network order: the data of an A or AAAA record as it is.
// A name server to ask.
struct Server {
  Ip address;
  std::uint16_t port = 53;
  std::string interface;  // of a link-local IPv6 address, else empty
};
// "10.0.0.1", "fe80::1%eth0", either with "#PORT" behind it.
Result<Server> ParseServer(std::string_view text);
std::string ToString(const Server& server);

}  // namespace estiba::dns
