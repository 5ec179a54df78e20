#pragma once
// The engine's end of one living monitor. Requests may be sent from any thread; answers, notices and the end come on
// the event thread.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "http/loop.h"
#include "monitorapi/client.h"
#include "os/fd.h"

namespace estiba::engine {

class MonitorLink : public std::enable_shared_from_this<MonitorLink> {
 public:
  using Reply = std::function<void(Result<monitorapi::Frame>)>;
  struct Handlers {
    std::function<void(MonitorLink&, const monitorapi::Frame&)> notice;
    std::function<void(MonitorLink&)> gone;  // once; nothing comes afterwards
  };

  // `pidfd` of the monitor when it is our child and must be reaped; invalid for one that we met again.
  static std::shared_ptr<MonitorLink> Create(http::Loop* loop, monitorapi::Client client, os::UniqueFd pidfd,
                                             Handlers handlers);

  // `reply` comes once, with kUnavailable when the monitor ends first. A Failure answer is an error.
  template <class T>
  void Send(const T& request, const std::vector<int>& fds, Reply reply) {
    Sent(Post(request, fds, std::move(reply)));
  }
  // Waits for the answer: for workers only, never on the event thread. `done`: called there when the answer is no
  // failure, before anything that the monitor says afterwards.
  template <class T>
  Result<monitorapi::Frame> Call(const T& request, const std::vector<int>& fds, std::chrono::milliseconds timeout,
                                 std::function<void()> done = nullptr) {
    const auto waiter = NewWaiter();
    Send(request, fds, [waiter, done = std::move(done)](Result<monitorapi::Frame> frame) {
      if (done && frame.ok()) done();
      Wake(waiter, std::move(frame));
    });
    return Await(waiter, timeout);
  }
  void Acknowledge(const monitorapi::Frame& notice);
  bool gone();
  // Reaps the monitor if it is ours; may wait for the moment between its last word and its end.
  void Reap();

 private:
  struct Waiter;
  struct State {
    explicit State(monitorapi::Client c) : client(std::move(c)) {}
    monitorapi::Client client;
    std::map<std::uint32_t, Reply> replies;
    bool gone = false;
    bool watching_writes = false;
  };

  MonitorLink(http::Loop* loop, monitorapi::Client client, os::UniqueFd pidfd, Handlers handlers);

  template <class T>
  Status Post(const T& request, const std::vector<int>& fds, Reply reply) {
    std::optional<Error> error;
    {
      const std::lock_guard lock(mutex_);
      if (state_.gone) {
        error.emplace(Code::kUnavailable, "the container's monitor has ended");
      } else {
        auto id = state_.client.Send(request, fds);
        if (id.ok()) {
          state_.replies.emplace(id.value(), std::move(reply));
          return Ok();
        }
        error.emplace(std::move(id).error());
      }
    }
    reply(std::move(*error));
    return Ok();
  }
  void Sent(Status status);
  void WatchWrites();
  void OnReady(std::uint32_t events);
  bool ReadOne();
  void End();
  static std::shared_ptr<Waiter> NewWaiter();
  static void Wake(const std::shared_ptr<Waiter>& waiter, Result<monitorapi::Frame> frame);
  static Result<monitorapi::Frame> Await(const std::shared_ptr<Waiter>& waiter, std::chrono::milliseconds timeout);

  http::Loop* loop_;
  os::UniqueFd pidfd_;
  Handlers handlers_;
  std::mutex mutex_;
  State state_;
};

}  // namespace estiba::engine
