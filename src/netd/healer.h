#pragma once
// Who is told that rules were lost, and when: a few at a time, so that a thousand containers on a small machine do not
// all work at once, and seldom where somebody takes the rules again and again.

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "os/loop.h"

namespace estiba::netd {

class Healer {
 public:
  using Clock = os::Loop::Clock;
  // `tell` says to that monitor to put its rules right; false when it could not be told.
  Healer(os::Loop& loop, Clock::time_point watched_since, std::function<bool(std::uint64_t)> tell)
      : loop_(loop), tell_(std::move(tell)), last_loss_(watched_since) {}
  Healer(const Healer&) = delete;
  Healer& operator=(const Healer&) = delete;
  ~Healer();

  // A monitor whose rules were made at `made`. It is told if they may have been lost before it came.
  void Add(std::uint64_t monitor, Clock::time_point made);
  void Remove(std::uint64_t monitor);
  // It has put its rules right.
  void Done(std::uint64_t monitor);
  // Rules were lost just now.
  void Lost();

 private:
  void BeginRound();
  void Next();
  void EndRound();
  void Overdue();

  os::Loop& loop_;
  std::function<bool(std::uint64_t)> tell_;
  Clock::time_point last_loss_;
  std::vector<std::uint64_t> monitors_;  // sorted
  std::deque<std::uint64_t> waiting_;
  std::map<std::uint64_t, Clock::time_point> told_;  // and not done
  std::size_t healed_ = 0;                           // in this round
  bool again_ = false;                               // lost during this round
  Clock::time_point round_began_{};
  Clock::time_point round_ended_{};
  Clock::duration pause_{};
  os::Loop::Token round_timer_ = 0;
  os::Loop::Token overdue_timer_ = 0;
};

}  // namespace estiba::netd
