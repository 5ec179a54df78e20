#include "words.h"

namespace estiba::plan {

std::optional<Language> FindLanguage(std::string_view tag) {
  const std::string_view code = tag.substr(0, tag.find_first_of("_-.@"));
  if (code == "es") return Language::kSpanish;
  if (code == "en" || code == "C" || code == "POSIX") return Language::kEnglish;
  return std::nullopt;
}

std::string Fill(std::string_view pattern, std::span<const std::string> operands) {
  std::string text;
  while (!pattern.empty()) {
    const bool placeholder = pattern.size() >= 3 && pattern[0] == '{' && pattern[1] >= '0' && pattern[1] <= '9' &&
                             pattern[2] == '}';
    if (!placeholder) {
      text += pattern[0];
      pattern.remove_prefix(1);
      continue;
    }
    const auto index = static_cast<std::size_t>(pattern[1] - '0');
    if (index < operands.size()) text += operands[index];
    pattern.remove_prefix(3);
  }
  return text;
}

std::string Quote(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace estiba::plan
