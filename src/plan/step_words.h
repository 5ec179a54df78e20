#pragma once
// What steps do, in every language.

#include <span>

#include "plan/plan.h"
#include "words.h"

namespace estiba::plan {

// {0} to {3}: the step's texts, quoted. {4}: what describe.cc makes of its other operands.
struct StepWords {
  Op op;
  unsigned char variant;  // of steps that do one of several things: see VariantOf in describe.cc
  Words words;
};

std::span<const StepWords> AllStepWords();

}  // namespace estiba::plan
