#pragma once
// The languages in which plans are explained and audited.

#include <optional>
#include <string_view>

namespace estiba::plan {

enum class Language : unsigned char { kEnglish = 0, kSpanish = 1 };

// Of "es", "es_MX.UTF-8", "en-GB", "C", "POSIX"…; nothing for a language not spoken here.
std::optional<Language> FindLanguage(std::string_view tag);

}  // namespace estiba::plan
