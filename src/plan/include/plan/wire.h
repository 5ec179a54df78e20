#pragma once
// The plan as bytes: versioned and append-only. An old reader skips fields it does not know and refuses operations it
// does not know; a new reader takes defaults for what an old writer did not write.

#include <string>
#include <string_view>

#include "base/result.h"
#include "plan/plan.h"

namespace estiba::plan {

inline constexpr std::uint32_t kWireVersion = 1;
inline constexpr std::size_t kMaxEncodedPlan = 4U << 20;

std::string Encode(const Plan& plan);
// kDataLoss for bytes that are no plan, cut, or larger than kMaxEncodedPlan; kNotImplemented for a later major version.
Result<Plan> Decode(std::string_view bytes);

}  // namespace estiba::plan
