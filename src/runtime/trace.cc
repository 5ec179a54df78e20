#include "runtime/trace.h"

#include <cerrno>

#include <sys/mman.h>

#include <algorithm>

namespace estiba::runtime {

Result<std::shared_ptr<Trace>> Trace::Create(std::vector<std::uint32_t> child_steps) {
  std::shared_ptr<Trace> trace(new Trace);
  trace->size_ = (child_steps.size() + 1) * sizeof(std::uint64_t);
  trace->child_steps_ = std::move(child_steps);
  void* page = ::mmap(nullptr, trace->size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (const int err = errno; page == MAP_FAILED) return Error::Errno(err, "map memory for the times of steps");
  trace->times_ = static_cast<std::uint64_t*>(page);
  return trace;
}

Trace::~Trace() {
  if (times_ != nullptr) ::munmap(times_, size_);
}

std::vector<plan::Timing> Trace::Timings() const {
  std::vector<plan::Timing> timings = host_;
  for (std::size_t i = 0; times_ != nullptr && i < child_steps_.size(); ++i) {
    const std::uint64_t before = __atomic_load_n(&times_[i], __ATOMIC_ACQUIRE);
    const std::uint64_t after = __atomic_load_n(&times_[i + 1], __ATOMIC_ACQUIRE);
    if (before == 0 || after == 0) break;
    // Whoever enters a time namespace on the way may see the clock step back.
    const std::uint64_t took = after > before ? after - before : 0;
    timings.push_back({child_steps_[i], std::chrono::nanoseconds(took)});
  }
  std::ranges::stable_sort(timings, {}, &plan::Timing::step);
  return timings;
}

}  // namespace estiba::runtime
