#include "restart.h"

#include <algorithm>

namespace estiba::monitor {

using monitorapi::RestartKind;

std::optional<std::chrono::milliseconds> RestartDecider::AfterExit(int exit_code,
                                                                   std::chrono::nanoseconds ran) {
  constexpr std::chrono::milliseconds kFirst{100};
  constexpr std::chrono::milliseconds kLongest = std::chrono::minutes(1);
  constexpr auto kLongRun = std::chrono::seconds(10);
  if (ran >= kLongRun) delay_ = {};
  delay_ = delay_.count() == 0 ? kFirst : std::min(delay_ * 2, kLongest);
  if (forbidden_) return std::nullopt;
  const bool again = policy_.kind == RestartKind::kAlways || policy_.kind == RestartKind::kUnlessStopped ||
                     (policy_.kind == RestartKind::kOnFailure && exit_code != 0 &&
                      (policy_.max_retries == 0 || count_ < policy_.max_retries));
  if (!again) return std::nullopt;
  ++count_;
  return delay_;
}

}  // namespace estiba::monitor
