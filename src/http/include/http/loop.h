#pragma once
// The process's event thread: descriptors, timers and posted functions, all called on the thread that runs
// Run().

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"

namespace estiba::http {

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> Create();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // From any thread; functions run in order. After Run() has returned they are dropped with the loop.
  void Post(std::function<void()> function);
  // From any thread: Run() returns after the current callback.
  void Stop();
  // True on the thread inside Run().
  bool InThread() const;

  // The rest only on the loop's thread, or before Run().

  // `callback(events)` for epoll events (level-triggered). It may remove any descriptor, itself included. The
  // descriptor stays the caller's, who removes it before closing it.
  using FdCallback = std::function<void(std::uint32_t events)>;
  Status AddFd(int fd, std::uint32_t events, FdCallback callback);
  Status ChangeFd(int fd, std::uint32_t events);
  void RemoveFd(int fd);

  // One shot. Cancelling what has fired or was cancelled does nothing. Ids are never 0.
  using TimerId = std::uint64_t;
  TimerId AddTimer(std::chrono::nanoseconds delay, std::function<void()> callback);
  void CancelTimer(TimerId id);

  Status Run();

 private:
  struct Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::http
