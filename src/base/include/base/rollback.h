#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace estiba {

// A stack of undo steps for things that have names on the host. Dropped without Commit(), it runs them, last first.
// What must also survive our death is recorded on disk before it is made; this is only the live half.
class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    while (!undo_.empty()) {
      auto step = std::move(undo_.back());
      undo_.pop_back();
      step();
    }
  }
  void Add(std::function<void()> step) { undo_.push_back(std::move(step)); }
  void Commit() { undo_.clear(); }

 private:
  std::vector<std::function<void()>> undo_;
};

}  // namespace estiba
