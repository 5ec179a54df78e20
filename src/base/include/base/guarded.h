#pragma once

#include <mutex>
#include <utility>

namespace estiba {

// A value that can only be reached while its mutex is held. Never hold the lock across I/O, a spawn or a callback.
template <typename T>
class Guarded {
 public:
  class Locked {
   public:
    T& operator*() { return *value_; }
    T* operator->() { return value_; }
    std::unique_lock<std::mutex>& lock() { return lock_; }  // for a condition variable's wait

   private:
    friend class Guarded;
    Locked(std::mutex& mutex, T* value) : lock_(mutex), value_(value) {}
    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}
  Locked Lock() { return Locked(mutex_, &value_); }

 private:
  std::mutex mutex_;
  T value_{};
};

}  // namespace estiba
