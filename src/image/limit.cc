#include "limit.h"

#include <string>

namespace estiba::image {
namespace {

constexpr std::uint64_t kFreeBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxRatio = 200;
constexpr std::uint64_t kMost = std::uint64_t{1} << 40;

}  // namespace

std::uint64_t UnpackedLimit(std::uint64_t packed) {
  return packed > (kMost - kFreeBytes) / kMaxRatio ? kMost : kFreeBytes + packed * kMaxRatio;
}

Error Bomb(std::string_view what, std::uint64_t limit) {
  return Error(Code::kResourceExhausted, std::string(what) + " inflates to more than " + std::to_string(limit) +
                                             " bytes, the most that one of its size may");
}

}  // namespace estiba::image
