#pragma once
// A plan for people and programs: a numbered list, JSON, or the shell script that makes the same container by hand, as
// far as a shell can.

#include <chrono>
#include <string>
#include <vector>

#include "plan/language.h"
#include "plan/plan.h"

namespace estiba::plan {

// What steps took, by their index in the plan; absent ones were not measured.
struct Timing {
  std::size_t step = 0;
  std::chrono::nanoseconds duration{};
};
// The one clone, which is between steps.
inline constexpr std::size_t kCloneStep = 0xffffffff;

struct ExplainOptions {
  Language language = Language::kEnglish;
  std::vector<Timing> timings{};
};

std::string ExplainText(const Plan& plan, const ExplainOptions& options = {});
std::string ExplainJson(const Plan& plan, const ExplainOptions& options = {});
std::string ExplainShell(const Plan& plan, Language language = Language::kEnglish);

}  // namespace estiba::plan
