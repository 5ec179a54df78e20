#pragma once
// Ids of a container's user namespace, and what the host calls them. Pure.

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace estiba::image {

// What a container calls `container` and the following, the host calls `host` and the following.
struct IdRange {
  std::uint32_t container = 0;
  std::uint32_t host = 0;
  std::uint32_t count = 0;
};

// Without ranges an id is itself.
// What the host's id is called in the container; 65534 when it has none for it.
std::uint32_t ToContainer(const std::vector<IdRange>& ranges, std::uint32_t id);
// The other way; kInvalidArgument when the container has no such id.
Result<std::uint32_t> ToHost(const std::vector<IdRange>& ranges, std::uint32_t id);

}  // namespace estiba::image
