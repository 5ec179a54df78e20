#include "healer.h"

#include <algorithm>
#include <string>

#include "base/log.h"

namespace estiba::netd {
namespace {

using std::chrono::milliseconds;

// What is lost within it is put right together.
constexpr milliseconds kFirstPause{5};
// Between rounds, where rules are taken again and again.
constexpr milliseconds kLongestPause{5000};
// After so long without a loss the next one is a first one.
constexpr milliseconds kQuiet{10'000};
constexpr std::size_t kMostAtOnce = 4;
// A monitor that is stopped does it when it goes on; others do not wait for it.
constexpr milliseconds kPatience{2000};

}  // namespace

Healer::~Healer() {
  loop_.Cancel(round_timer_);
  loop_.Cancel(overdue_timer_);
}

void Healer::Add(std::uint64_t monitor, Clock::time_point made) {
  const auto place = std::ranges::lower_bound(monitors_, monitor);
  if (place == monitors_.end() || *place != monitor) monitors_.insert(place, monitor);
  if (made > last_loss_) return;
  waiting_.push_back(monitor);
  if (round_timer_ == 0) Next();
}

void Healer::Remove(std::uint64_t monitor) {
  std::erase(monitors_, monitor);
  if (told_.erase(monitor) > 0) Next();
}

void Healer::Done(std::uint64_t monitor) {
  if (told_.erase(monitor) == 0) return;
  ++healed_;
  Next();
}

void Healer::Lost() {
  last_loss_ = Clock::now();
  if (round_timer_ != 0) return;
  again_ = !waiting_.empty() || !told_.empty();
  if (again_) return;
  const bool quiet = round_ended_ + kQuiet < last_loss_;
  pause_ = quiet ? Clock::duration(kFirstPause) : std::clamp<Clock::duration>(2 * pause_, kFirstPause, kLongestPause);
  round_timer_ = loop_.After(pause_, [this] {
    round_timer_ = 0;
    BeginRound();
  });
}

void Healer::BeginRound() {
  round_began_ = Clock::now();
  healed_ = 0;
  waiting_.assign(monitors_.begin(), monitors_.end());
  log::Info("the rules of containers' networks were lost: putting them right",
            {{"containers", std::to_string(monitors_.size())}});
  Next();
}

void Healer::Next() {
  while (told_.size() < kMostAtOnce && !waiting_.empty()) {
    const std::uint64_t monitor = waiting_.front();
    waiting_.pop_front();
    if (std::ranges::binary_search(monitors_, monitor) && tell_(monitor)) told_[monitor] = Clock::now();
  }
  if (told_.empty()) return EndRound();
  if (overdue_timer_ == 0) overdue_timer_ = loop_.After(kPatience, [this] {
      overdue_timer_ = 0;
      Overdue();
    });
}

void Healer::Overdue() {
  std::erase_if(told_, [now = Clock::now()](const auto& told) { return told.second + kPatience <= now; });
  Next();
}

void Healer::EndRound() {
  loop_.Cancel(overdue_timer_);
  if (!waiting_.empty() || round_began_ == Clock::time_point()) return;
  round_ended_ = Clock::now();
  if (healed_ > 0) {
    const auto took = std::chrono::duration_cast<milliseconds>(round_ended_ - round_began_);
    log::Info("the rules of containers' networks are right again",
              {{"containers", std::to_string(healed_)}, {"ms", std::to_string(took.count())}});
  }
  healed_ = 0;
  round_began_ = {};
  if (again_) {
    again_ = false;
    Lost();
  }
}

}  // namespace estiba::netd
