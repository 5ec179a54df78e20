#pragma once

#include "call.h"

namespace estiba::api::docker {

// Answers with docker's progress lines as they come, and ends when `done` does.
engine::ProgressCallbacks ProgressTo(const ExchangePtr& exchange);

}  // namespace estiba::api::docker
