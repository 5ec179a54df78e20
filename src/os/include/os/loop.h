#pragma once
// The one thread of a small program: descriptors, timers and deferred calls, by number, so that a handler may forget
// itself or others at any time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "os/event.h"

namespace estiba::os {

class Loop {
 public:
  using Token = std::uint64_t;  // 0 is none
  using Handler = std::function<void(std::uint32_t events)>;
  using Clock = std::chrono::steady_clock;

  static Result<Loop> Create();

  // Level-triggered. The descriptor must be forgotten before it is closed.
  Result<Token> Watch(int fd, std::uint32_t events, Handler handler);
  void Change(Token token, std::uint32_t events);
  // Clears `token`; nothing to do for 0.
  void Forget(Token& token);

  Token After(std::chrono::nanoseconds delay, std::function<void()> call);
  void Cancel(Token& timer);
  // Runs when the handlers of this round are through: for ending objects that are on the stack.
  void Defer(std::function<void()> call) { deferred_.push_back(std::move(call)); }

  // Until Stop().
  Status Run();
  void Stop() { stopped_ = true; }

  // For one read; its content does not outlive the handler.
  std::span<char> Scratch();

 private:
  struct Watched {
    int fd;
    std::uint32_t events;
    Handler handler;
  };
  struct Timer {
    Token token;
    std::function<void()> call;
  };
  explicit Loop(Epoll epoll) : epoll_(std::move(epoll)) {}
  std::optional<std::chrono::milliseconds> NextTimeout() const;
  void RunTimers();
  void RunDeferred();

  Epoll epoll_;
  Token next_ = 1;
  bool stopped_ = false;
  std::unordered_map<Token, Watched> watched_;
  Token running_ = 0;  // whose handler is on the stack
  decltype(watched_)::node_type ended_;  // that one, forgotten meanwhile: it may not go before its handler returns
  std::multimap<Clock::time_point, Timer> timers_;
  std::vector<std::function<void()>> deferred_;
  std::vector<char> scratch_;
};

}  // namespace estiba::os
