#include "health_rules.h"

#include "monitorapi/health.h"

namespace estiba::monitor {

void HealthRules::Begin(Time now) {
  run_began_ = now;
  status_ = Status::kStarting;
  streak_ = 0;
}

bool HealthRules::InStartPeriod(Time time) const {
  return status_ == Status::kStarting && time - run_began_ < std::chrono::nanoseconds(check_.start_period);
}

std::chrono::nanoseconds HealthRules::Wait(Time now) const {
  return std::chrono::nanoseconds(InStartPeriod(now) ? check_.start_interval : check_.interval);
}

bool HealthRules::Note(bool passed, Time began) {
  const Status before = status_;
  if (passed) {
    streak_ = 0;
    status_ = Status::kHealthy;
  } else if (!InStartPeriod(began)) {
    ++streak_;
    if (streak_ >= check_.retries) status_ = Status::kUnhealthy;
  }
  return status_ != before;
}

const char* HealthRules::status() const {
  switch (status_) {
    case Status::kHealthy: return monitorapi::kHealthHealthy;
    case Status::kUnhealthy: return monitorapi::kHealthUnhealthy;
    case Status::kStarting: break;
  }
  return monitorapi::kHealthStarting;
}

}  // namespace estiba::monitor
