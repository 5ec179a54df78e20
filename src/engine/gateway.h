#pragma once
// Which of a container's networks gives its default route. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace estiba::engine {

struct GatewayCandidate {
  std::string network;        // its name
  std::int64_t priority = 0;  // GwPriority of the endpoint
  bool leads_out = false;     // it has a gateway of the family, and is not internal
};
// The highest priority, then the first name in the order of letters, as docker has it; nothing leads out: none.
std::optional<std::size_t> ChooseGateway(const std::vector<GatewayCandidate>& candidates);

}  // namespace estiba::engine
