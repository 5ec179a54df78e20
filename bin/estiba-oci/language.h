#pragma once

#include "base/result.h"
#include "flags.h"
#include "plan/language.h"

namespace estiba::ocicli {

// That of --lang; else the user's, where it is spoken here; else English.
Result<plan::Language> LanguageOf(const Flags& flags);

}  // namespace estiba::ocicli
