#pragma once
// IPv4 and IPv6 addresses as values. Pure.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba {

struct Ip {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // in the order of the wire; IPv4 has the first four
  auto operator<=>(const Ip&) const = default;
  unsigned Bits() const { return v6 ? 128 : 32; }
  bool IsAny() const;        // 0.0.0.0, ::
  bool IsLoopback() const;   // 127.0.0.0/8, ::1
  bool IsLinkLocal() const;  // 169.254.0.0/16, fe80::/10
  // The 4 or 16 bytes as they go over the wire.
  std::string Bytes() const;
  // Of so many bytes; kInvalidArgument for another number.
  static Result<Ip> FromBytes(std::string_view bytes);
};
// "10.0.0.1", "fd00::1"; no zone, no brackets. kInvalidArgument.
Result<Ip> ParseIp(std::string_view text);
std::string ToString(const Ip& address);
// "10.0.0.1:80", "[fd00::1]:80".
std::string WithPort(const Ip& address, std::uint16_t port);

// An address and the length of its network's prefix: of an interface ("10.0.0.1/24"), or a network when the host bits
// are clear.
struct IpPrefix {
  Ip address;
  unsigned length = 0;
  auto operator<=>(const IpPrefix&) const = default;
  // The same with its host bits cleared.
  IpPrefix Network() const;
  bool Contains(const Ip& other) const;
  // Some address is in both.
  bool Overlaps(const IpPrefix& other) const { return Contains(other.address) || other.Contains(address); }
  // All host bits set: where IPv4 has its broadcast address.
  Ip Last() const;
};
// With "/LENGTH"; without one all bits of the address count when `bare` is allowed. kInvalidArgument.
Result<IpPrefix> ParseIpPrefix(std::string_view text, bool bare = false);
std::string ToString(const IpPrefix& prefix);

}  // namespace estiba
