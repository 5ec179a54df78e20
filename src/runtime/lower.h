#pragma once
// The child's steps of a plan as flat structures that point into the plan.

#include <deque>
#include <string>
#include <vector>

#include "child/step.h"
#include "session.h"

namespace estiba::runtime {

// Everything child::Run reads. It lives in the parent and is copied with the parent's memory at the clone.
struct Lowered {
  std::vector<child::Step> steps;
  std::vector<std::uint32_t> plan_index;  // of each child step
  std::vector<int> slots;
  std::vector<int> extra;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::deque<std::string> texts;          // what is not in the plan: HOME, group lists
  std::deque<std::vector<char*>> lists;
  child::Program program{};
};

// The child's steps, by their index in the plan.
std::vector<std::uint32_t> ChildStepsOf(const plan::Plan& plan);

// Slots that host steps have filled are copied; call again after more have been.
Lowered Lower(const Session& session);

}  // namespace estiba::runtime
