#pragma once
// IPv4 and IPv6 addresses as DNS carries them. Pure.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::dns {

// 4 or 16 bytes in network order: the data of an A or AAAA record as it is.
struct Address {
  std::string bytes;
  auto operator<=>(const Address&) const = default;
  bool six() const { return bytes.size() == 16; }
};
// "10.0.0.1" or "fd00::1" (inet_pton(3)).
Result<Address> ParseAddress(std::string_view text);
std::string ToString(const Address& address);

// An address with the length of its network's prefix: "172.18.0.2/16".
struct NetworkAddress {
  Address address;
  unsigned prefix = 0;
  // True for addresses of the same network.
  bool Contains(const Address& other) const;
};
Result<NetworkAddress> ParseNetworkAddress(std::string_view text);
std::string ToString(const NetworkAddress& address);

// A name server to ask.
struct Server {
  Address address;
  std::uint16_t port = 53;
  std::string interface;  // of a link-local IPv6 address, else empty
};
// "10.0.0.1", "fe80::1%eth0", either with "#PORT" behind it.
Result<Server> ParseServer(std::string_view text);
std::string ToString(const Server& server);

}  // namespace estiba::dns
