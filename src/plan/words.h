#pragma once
// Sentences with their translations beside them: one catalogue each for steps (describe.cc), for what stands around
// them (explain.cc) and for findings (audit_rules.cc).

#include <span>
#include <string>
#include <string_view>

#include "plan/language.h"

namespace estiba::plan {

struct Words {
  const char* en;
  const char* es;
  constexpr const char* In(Language language) const { return language == Language::kSpanish ? es : en; }
};

// `pattern` with {0}, {1}… replaced by operands; a missing operand is nothing.
std::string Fill(std::string_view pattern, std::span<const std::string> operands);

// 'text'
std::string Quote(std::string_view text);

}  // namespace estiba::plan
