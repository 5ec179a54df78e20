#pragma once
// IPv4 addresses, subnets and Ethernet addresses as values. Pure.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::net {

struct Ipv4 {
  std::uint32_t value = 0;  // host order: 127.0.0.1 is 0x7f000001
  auto operator<=>(const Ipv4&) const = default;
  bool IsAny() const { return value == 0; }
  bool IsLoopback() const { return value >> 24 == 127; }
  // The four bytes as they go over the wire.
  std::string Bytes() const;
};
// Dotted quad, no leading zeros.
Result<Ipv4> ParseIpv4(std::string_view text);
std::string ToString(Ipv4 address);

struct Subnet {
  Ipv4 base;  // host bits clear
  unsigned prefix = 0;
  auto operator<=>(const Subnet&) const = default;
  std::uint32_t Mask() const { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }
  Ipv4 First() const { return base; }
  Ipv4 Last() const { return Ipv4{base.value | ~Mask()}; }  // the broadcast address
  bool Contains(Ipv4 address) const { return (address.value & Mask()) == base.value; }
  bool Overlaps(const Subnet& other) const { return Contains(other.base) || other.Contains(base); }
};
// "172.18.0.0/16"; host bits are cleared ("172.18.0.5/16" is the same subnet).
Result<Subnet> ParseSubnet(std::string_view text);
std::string ToString(const Subnet& subnet);

// An address with its prefix length, as interfaces carry it.
struct InterfaceAddress {
  Ipv4 address;
  unsigned prefix = 0;
  auto operator<=>(const InterfaceAddress&) const = default;
};
Result<InterfaceAddress> ParseInterfaceAddress(std::string_view text);  // "172.17.0.1/16"
std::string ToString(const InterfaceAddress& address);

struct Mac {
  std::array<std::uint8_t, 6> bytes{};
  auto operator<=>(const Mac&) const = default;
};
Result<Mac> ParseMac(std::string_view text);  // "02:42:ac:11:00:02", also with '-'
std::string ToString(const Mac& mac);
// 02:42 and the address: stable, so a reused address never meets a stale neighbour entry.
Mac MacFor(Ipv4 address);

}  // namespace estiba::net
