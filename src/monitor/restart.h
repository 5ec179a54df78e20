#pragma once
// Docker's restart rules. Pure: times are given.

#include <chrono>
#include <optional>

#include "monitorapi/messages.h"

namespace estiba::monitor {

class RestartDecider {
 public:
  RestartDecider(const monitorapi::RestartPolicy& policy, std::uint32_t count)
      : policy_(policy), count_(count) {}

  void SetPolicy(const monitorapi::RestartPolicy& policy) { policy_ = policy; }
  const monitorapi::RestartPolicy& policy() const { return policy_; }
  std::uint32_t count() const { return count_; }
  // Somebody stopped the container: no restart until Allow().
  void Forbid() { forbidden_ = true; }
  void Allow() { forbidden_ = false; }
  // Somebody asked for the next run: neither it nor what was before counts.
  void Reset() {
    count_ = 0;
    delay_ = {};
  }
  bool forbidden() const { return forbidden_; }

  // The wait before the next run, or nothing: 100 ms, doubled up to a minute, from the start again after a
  // run of ten seconds. Counts the restart.
  std::optional<std::chrono::milliseconds> AfterExit(int exit_code, std::chrono::nanoseconds ran);

 private:
  monitorapi::RestartPolicy policy_;
  std::uint32_t count_;
  std::chrono::milliseconds delay_{0};
  bool forbidden_ = false;
};

}  // namespace estiba::monitor
