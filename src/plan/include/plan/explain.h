#pragma once
// A plan for people and programs: a numbered list, JSON, or the shell script that does roughly the same by hand.

#include <chrono>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace estiba::plan {

// What steps took, by their index in the plan; absent ones were not measured.
struct Timing {
  std::size_t step = 0;
  std::chrono::nanoseconds duration{};
};

std::string ExplainText(const Plan& plan, const std::vector<Timing>& timings = {});
std::string ExplainJson(const Plan& plan, const std::vector<Timing>& timings = {});
std::string ExplainShell(const Plan& plan);

}  // namespace estiba::plan
