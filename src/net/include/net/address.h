#pragma once
// Ethernet addresses as values. Pure.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"

namespace estiba::net {

struct Mac {
  std::array<std::uint8_t, 6> bytes{};
  auto operator<=>(const Mac&) const = default;
};
Result<Mac> ParseMac(std::string_view text);  // "02:42:ac:11:00:02", also with '-'
std::string ToString(const Mac& mac);
// 02:42 and the address's last four bytes: stable, so a reused address never meets a stale neighbour entry.
Mac MacFor(const Ip& address);

}  // namespace estiba::net
