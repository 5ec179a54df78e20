#include "plan/explain.h"

namespace estiba::plan {

std::string ExplainText(const Plan&, const std::vector<Timing>&) { return {}; }
std::string ExplainJson(const Plan&, const std::vector<Timing>&) { return {}; }
std::string ExplainShell(const Plan&) { return {}; }

}  // namespace estiba::plan
