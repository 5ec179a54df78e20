#include "language.h"

#include <cstdlib>

namespace estiba::ocicli {

Result<plan::Language> LanguageOf(const Flags& flags) {
  if (flags.Has("lang")) {
    if (const auto language = plan::FindLanguage(flags.Get("lang"))) return *language;
    return Error(Code::kInvalidArgument, "--lang: '" + flags.Get("lang") + "' is not spoken here: en or es");
  }
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {  // the first that is set counts (locale(7))
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    return plan::FindLanguage(value).value_or(plan::Language::kEnglish);
  }
  return plan::Language::kEnglish;
}

}  // namespace estiba::ocicli
