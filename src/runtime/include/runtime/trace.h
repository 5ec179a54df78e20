#pragma once
// What the steps of one start took, those of the child too, which writes their times into memory it shares with us.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "plan/explain.h"

namespace estiba::runtime {

class Trace {
 public:
  // Room for as many steps of the child.
  static Result<std::shared_ptr<Trace>> Create(std::vector<std::uint32_t> child_steps);
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  ~Trace();

  void Add(std::size_t step, std::chrono::nanoseconds duration) { host_.push_back({step, duration}); }
  // For child::Program.
  std::uint64_t* times() { return times_; }
  // In the order of the plan, of the steps that are over; those after kWaitStart only once they are.
  std::vector<plan::Timing> Timings() const;

 private:
  Trace() = default;
  std::vector<plan::Timing> host_;
  std::vector<std::uint32_t> child_steps_;  // in the plan
  std::uint64_t* times_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace estiba::runtime
