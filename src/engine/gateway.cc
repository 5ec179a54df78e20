#include "gateway.h"

namespace estiba::engine {

std::optional<std::size_t> ChooseGateway(const std::vector<GatewayCandidate>& candidates) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const GatewayCandidate& one = candidates[i];
    if (!one.leads_out) continue;
    if (!best) {
      best = i;
      continue;
    }
    const GatewayCandidate& other = candidates[*best];
    const bool better =
        one.priority != other.priority ? one.priority > other.priority : one.network < other.network;
    if (better) best = i;
  }
  return best;
}

}  // namespace estiba::engine
