#include "os/loop.h"

#include <algorithm>

namespace estiba::os {

namespace {
constexpr std::size_t kScratch = 16U << 10;
}

Result<Loop> Loop::Create() { return Loop(TRY(Epoll::Create())); }

Result<Loop::Token> Loop::Watch(int fd, std::uint32_t events, Handler handler) {
  const Token token = next_++;
  TRY(epoll_.Add(fd, events, token));
  watched_.emplace(token, Watched{fd, events, std::move(handler)});
  return token;
}

void Loop::Change(Token token, std::uint32_t events) {
  const auto found = watched_.find(token);
  if (found == watched_.end() || found->second.events == events) return;
  found->second.events = events;
  // Cannot fail for a descriptor that is watched (epoll_ctl(2)).
  [[maybe_unused]] const bool changed = epoll_.Change(found->second.fd, events, token).ok();
}

void Loop::Forget(Token& token) {
  const auto found = watched_.find(std::exchange(token, 0));
  if (found == watched_.end()) return;
  [[maybe_unused]] const bool removed = epoll_.Remove(found->second.fd).ok();
  if (found->first == running_) ended_ = watched_.extract(found);
  else watched_.erase(found);
}

Loop::Token Loop::After(std::chrono::nanoseconds delay, std::function<void()> call) {
  const Token token = next_++;
  timers_.emplace(Clock::now() + std::chrono::duration_cast<Clock::duration>(delay),
                  Timer{token, std::move(call)});
  return token;
}

void Loop::Cancel(Token& timer) {
  const Token token = std::exchange(timer, 0);
  if (token == 0) return;
  const auto found =
      std::find_if(timers_.begin(), timers_.end(), [&](const auto& t) { return t.second.token == token; });
  if (found != timers_.end()) timers_.erase(found);
}

std::optional<std::chrono::milliseconds> Loop::NextTimeout() const {
  if (!deferred_.empty()) return std::chrono::milliseconds(0);
  if (timers_.empty()) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

void Loop::RunTimers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto call = std::move(timers_.begin()->second.call);
    timers_.erase(timers_.begin());
    call();
  }
}

void Loop::RunDeferred() {
  // What these defer in turn runs in the next round.
  for (const auto& call : std::exchange(deferred_, {})) call();
}

Status Loop::Run() {
  while (!stopped_) {
    const auto ready = TRY(epoll_.Wait(NextTimeout()));
    for (const auto& event : ready) {
      const auto found = watched_.find(event.token);
      if (found == watched_.end()) continue;  // forgotten by an earlier handler of this round
      running_ = event.token;
      found->second.handler(event.events);
      running_ = 0;
      ended_ = {};
    }
    RunTimers();
    RunDeferred();
  }
  return Ok();
}

std::span<char> Loop::Scratch() {
  scratch_.resize(kScratch);
  return scratch_;
}

}  // namespace estiba::os
