#include "http/loop.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "os/event.h"

namespace estiba::http {

using Clock = std::chrono::steady_clock;

struct Loop::Impl {
  explicit Impl(os::Epoll e, os::EventFd w) : epoll(std::move(e)), wake(std::move(w)) {}

  struct Watch {
    int fd;
    std::shared_ptr<FdCallback> callback;  // shared: it may remove itself while it runs
  };

  os::Epoll epoll;
  os::EventFd wake;
  std::unordered_map<std::uint64_t, Watch> watches;  // by token; tokens are never used twice
  std::unordered_map<int, std::uint64_t> tokens;     // by descriptor
  std::uint64_t next_token = 1;                      // 0 is `wake`

  std::multimap<Clock::time_point, std::pair<TimerId, std::function<void()>>> timers;
  std::unordered_map<TimerId, Clock::time_point> timer_times;
  TimerId next_timer = 1;

  std::atomic<bool> stopping{false};
  std::atomic<std::thread::id> thread{};
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  bool closed = false;  // under the mutex: Run() has returned

  void RunPosted() {
    std::vector<std::function<void()>> functions;
    {
      const std::lock_guard lock(mutex);
      functions.swap(posted);
    }
    for (auto& function : functions) {
      if (stopping) break;
      function();
      function = nullptr;
    }
  }

  void RunTimers() {
    const auto now = Clock::now();
    while (!timers.empty() && timers.begin()->first <= now && !stopping) {
      auto node = timers.extract(timers.begin());
      timer_times.erase(node.mapped().first);
      node.mapped().second();
    }
  }

  std::optional<std::chrono::milliseconds> UntilNextTimer() const {
    if (timers.empty()) return std::nullopt;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers.begin()->first - Clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(3600000));
  }

  void RunReady(const std::vector<os::Epoll::Ready>& ready) {
    for (const auto& [token, events] : ready) {
      if (token == 0) {
        wake.Clear();
        continue;
      }
      const auto watch = watches.find(token);  // may have been removed by an earlier callback
      if (watch == watches.end() || stopping) continue;
      const std::shared_ptr<FdCallback> callback = watch->second.callback;
      (*callback)(events);
    }
  }

  Status RunUntilStopped() {
    while (!stopping) {
      const auto ready = TRY(epoll.Wait(UntilNextTimer()));
      RunReady(ready);
      RunTimers();
      RunPosted();
    }
    return Ok();
  }
};

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Loop::~Loop() = default;

Result<std::unique_ptr<Loop>> Loop::Create() {
  os::Epoll epoll = TRY(os::Epoll::Create());
  os::EventFd wake = TRY(os::EventFd::Create());
  TRY(epoll.Add(wake.fd(), EPOLLIN, 0));
  return std::unique_ptr<Loop>(new Loop(std::make_unique<Impl>(std::move(epoll), std::move(wake))));
}

void Loop::Post(std::function<void()> function) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->closed) {
      impl_->posted.push_back(std::move(function));
      function = nullptr;
    }
  }
  // When the loop has ended the function is dropped here, outside the lock: waiters see their promise broken.
  impl_->wake.Set();
}

void Loop::Stop() {
  impl_->stopping = true;
  impl_->wake.Set();
}

bool Loop::InThread() const { return impl_->thread.load() == std::this_thread::get_id(); }

Status Loop::AddFd(int fd, std::uint32_t events, FdCallback callback) {
  const std::uint64_t token = impl_->next_token++;
  TRY(impl_->epoll.Add(fd, events, token));
  impl_->tokens[fd] = token;
  impl_->watches[token] = {fd, std::make_shared<FdCallback>(std::move(callback))};
  return Ok();
}

Status Loop::ChangeFd(int fd, std::uint32_t events) {
  const auto token = impl_->tokens.find(fd);
  if (token == impl_->tokens.end()) {
    return Error(Code::kNotFound, "change events of descriptor " + std::to_string(fd) + ": not watched");
  }
  return impl_->epoll.Change(fd, events, token->second);
}

void Loop::RemoveFd(int fd) {
  const auto token = impl_->tokens.find(fd);
  if (token == impl_->tokens.end()) return;
  (void)impl_->epoll.Remove(fd).ok();  // a closed descriptor has left the epoll set by itself
  impl_->watches.erase(token->second);
  impl_->tokens.erase(token);
}

Loop::TimerId Loop::AddTimer(std::chrono::nanoseconds delay, std::function<void()> callback) {
  const TimerId id = impl_->next_timer++;
  const auto when = Clock::now() + std::max(delay, std::chrono::nanoseconds(0));
  impl_->timers.emplace(when, std::make_pair(id, std::move(callback)));
  impl_->timer_times.emplace(id, when);
  return id;
}

void Loop::CancelTimer(TimerId id) {
  const auto when = impl_->timer_times.find(id);
  if (when == impl_->timer_times.end()) return;
  const auto [first, last] = impl_->timers.equal_range(when->second);
  const auto timer = std::find_if(first, last, [id](const auto& entry) { return entry.second.first == id; });
  if (timer != last) impl_->timers.erase(timer);
  impl_->timer_times.erase(when);
}

Status Loop::Run() {
  impl_->thread = std::this_thread::get_id();
  Status status = impl_->RunUntilStopped();
  impl_->thread = std::thread::id();
  std::vector<std::function<void()>> dropped;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closed = true;
    dropped.swap(impl_->posted);
  }
  return status;
}

}  // namespace estiba::http
