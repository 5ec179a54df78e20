#pragma once
// How much may come out of how much.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace estiba::image {

// Layers compress to a third; what inflates two hundred times over is a bomb, once it is larger than 1 GiB.
std::uint64_t UnpackedLimit(std::uint64_t packed);

// "`what` inflates to more than N bytes …": kResourceExhausted.
Error Bomb(std::string_view what, std::uint64_t limit);

}  // namespace estiba::image
