#pragma once
// epoll(7), eventfd(2), timerfd(2) and signalfd(2), one owner each.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include <sys/epoll.h>

#include "os/fd.h"

namespace estiba::os {

// poll(2), through signals, until `fd` is readable or hung up; false when `patience` is over first (none: for ever).
Result<bool> WaitReadable(int fd, std::optional<std::chrono::milliseconds> patience);

class Epoll {
 public:
  static Result<Epoll> Create();
  int fd() const { return fd_.get(); }
  // `events` are EPOLLIN and so on; `token` comes back in Ready.
  Status Add(int fd, std::uint32_t events, std::uint64_t token);
  Status Change(int fd, std::uint32_t events, std::uint64_t token);
  // Succeeds when the descriptor is not watched.
  Status Remove(int fd);

  struct Ready {
    std::uint64_t token;
    std::uint32_t events;
  };
  // At most 64 at a time; empty on timeout or a signal. No timeout waits for ever.
  Result<std::vector<Ready>> Wait(std::optional<std::chrono::milliseconds> timeout);

 private:
  explicit Epoll(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Non-blocking eventfd: Set() wakes, Clear() takes the wake-ups back.
class EventFd {
 public:
  static Result<EventFd> Create();
  int fd() const { return fd_.get(); }
  void Set() const;
  void Clear() const;

 private:
  explicit EventFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Non-blocking CLOCK_MONOTONIC timer.
class TimerFd {
 public:
  static Result<TimerFd> Create();
  int fd() const { return fd_.get(); }
  // Fires once after `delay`; zero or less fires at once.
  Status Arm(std::chrono::nanoseconds delay);
  Status Disarm();
  void Clear() const;

 private:
  explicit TimerFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Blocks the signals in the calling thread and reads them here.
class SignalFd {
 public:
  static Result<SignalFd> Create(std::initializer_list<int> signals);
  int fd() const { return fd_.get(); }
  // The next pending signal number, 0 when none is.
  int Next() const;

 private:
  explicit SignalFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace estiba::os
