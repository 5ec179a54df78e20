#pragma once

#include <cstdint>
#include <string_view>

namespace estiba::codec {

// CRC-32C (Castagnoli, as iSCSI and ext4 have it). Pieces chain: Crc32c(b, Crc32c(a)) is that of a and b together.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace estiba::codec
