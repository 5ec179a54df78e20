#pragma once
// Docker's rules of a container's health. Pure: times are given.

#include <chrono>
#include <cstdint>

#include "monitorapi/messages.h"

namespace estiba::monitor {

class HealthRules {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit HealthRules(const monitorapi::HealthCheck& check) : check_(check) {}

  // A run begins, and all is as if there had been none before.
  void Begin(Time now);
  // Before the next probe.
  std::chrono::nanoseconds Wait(Time now) const;
  // What a probe that began then has found. True when the status is another one now.
  bool Note(bool passed, Time began);

  const char* status() const;
  bool unhealthy() const { return status_ == Status::kUnhealthy; }
  std::uint64_t failing_streak() const { return streak_; }

 private:
  enum class Status : std::uint8_t { kStarting, kHealthy, kUnhealthy };
  bool InStartPeriod(Time time) const;

  const monitorapi::HealthCheck& check_;
  Time run_began_;
  Status status_ = Status::kStarting;
  std::uint64_t streak_ = 0;
};

}  // namespace estiba::monitor
