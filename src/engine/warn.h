#pragma once

#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace estiba::engine {

// For clearing up, where one failure must not keep the rest from being cleared.
inline void WarnIf(const Status& status, std::string_view what, std::string_view subject) {
  if (!status.ok()) log::Warn(what, {{"what", subject}, {"error", status.error().Message()}});
}

}  // namespace estiba::engine
