#include "http/workers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include <pthread.h>

namespace estiba::http {

// Threads are detached and share this; Stop() waits until the last of them has left.
struct Workers::Impl {
  explicit Impl(Options o) : options(std::move(o)) {}

  const Options options;
  std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable thread_left;
  std::deque<std::function<void()>> queue;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopped = false;

  static void Run(const std::shared_ptr<Impl>& self) {
    ::pthread_setname_np(::pthread_self(), self->options.name.substr(0, 15).c_str());
    std::unique_lock lock(self->mutex);
    for (;;) {
      if (self->queue.empty()) {
        ++self->idle;
        const bool woken = self->work_ready.wait_for(lock, self->options.idle,
                                                     [&] { return !self->queue.empty() || self->stopped; });
        --self->idle;
        if (!woken || self->stopped) break;
      }
      std::function<void()> work = std::move(self->queue.front());
      self->queue.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
      if (self->stopped) break;
    }
    --self->threads;
    self->thread_left.notify_all();
  }
};

Workers::Workers(Options options) : impl_(std::make_shared<Impl>(std::move(options))) {}
Workers::~Workers() { Stop(); }

bool Workers::Submit(std::function<void()> work) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->stopped || impl_->queue.size() >= impl_->options.queue) return false;
  impl_->queue.push_back(std::move(work));
  if (impl_->queue.size() <= impl_->idle || impl_->threads >= impl_->options.threads) {
    impl_->work_ready.notify_one();
    return true;
  }
  ++impl_->threads;
  try {
    std::thread([impl = impl_] { Impl::Run(impl); }).detach();
  } catch (const std::system_error&) {  // no more threads on this host or in this cgroup
    --impl_->threads;
    if (impl_->threads > 0) return true;  // those there are will come to it
    impl_->queue.pop_back();
    return false;
  }
  return true;
}

void Workers::Stop() {
  std::deque<std::function<void()>> dropped;
  std::unique_lock lock(impl_->mutex);
  impl_->stopped = true;
  dropped.swap(impl_->queue);
  impl_->work_ready.notify_all();
  impl_->thread_left.wait(lock, [&] { return impl_->threads == 0; });
}

}  // namespace estiba::http
