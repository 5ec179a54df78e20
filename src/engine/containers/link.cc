#include "link.h"

#include <condition_variable>
#include <mutex>

#include <sys/epoll.h>

#include "base/log.h"
#include "os/process.h"

namespace estiba::engine {

using monitorapi::Frame;
using monitorapi::Type;

struct MonitorLink::Waiter {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<Frame>> frame;
};

MonitorLink::MonitorLink(http::Loop* loop, monitorapi::Client client, os::UniqueFd pidfd, Handlers handlers)
    : loop_(loop), pidfd_(std::move(pidfd)), handlers_(std::move(handlers)), state_(std::move(client)) {}

std::shared_ptr<MonitorLink> MonitorLink::Create(http::Loop* loop, monitorapi::Client client, os::UniqueFd pidfd,
                                                 Handlers handlers) {
  std::shared_ptr<MonitorLink> link(new MonitorLink(loop, std::move(client), std::move(pidfd), std::move(handlers)));
  loop->Post([link] {
    const int fd = link->state_.client.fd();
    const Status added = link->loop_->AddFd(fd, EPOLLIN, [link](std::uint32_t events) { link->OnReady(events); });
    if (!added.ok()) log::Error("watch a monitor", {{"error", added.error().Message()}});
  });
  return link;
}

void MonitorLink::Sent(Status status) {
  if (!status.ok()) log::Warn("send to a monitor", {{"error", status.error().Message()}});
  WatchWrites();
}

void MonitorLink::WatchWrites() {
  {
    const std::lock_guard lock(mutex_);
    if (state_.gone || state_.watching_writes || !state_.client.WantsWrite()) return;
    state_.watching_writes = true;
  }
  loop_->Post([self = shared_from_this()] {
    const std::lock_guard lock(self->mutex_);
    if (self->state_.gone) return;
    const Status changed = self->loop_->ChangeFd(self->state_.client.fd(), EPOLLIN | EPOLLOUT);
    if (!changed.ok()) log::Error("watch a monitor", {{"error", changed.error().Message()}});
  });
}

void MonitorLink::Acknowledge(const Frame& notice) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.gone) return;
    const Status sent = state_.client.Acknowledge(notice);
    if (!sent.ok()) log::Warn("answer a monitor", {{"error", sent.error().Message()}});
  }
  WatchWrites();
}

bool MonitorLink::gone() {
  const std::lock_guard lock(mutex_);
  return state_.gone;
}

void MonitorLink::OnReady(std::uint32_t events) {
  const auto self = shared_from_this();
  if ((events & EPOLLOUT) != 0) {
    const std::lock_guard lock(mutex_);
    const Status flushed = state_.client.Flush();
    if (flushed.ok() && !state_.client.WantsWrite()) {
      state_.watching_writes = false;
      const Status changed = loop_->ChangeFd(state_.client.fd(), EPOLLIN);
      if (!changed.ok()) log::Error("watch a monitor", {{"error", changed.error().Message()}});
    }
  }
  // Bounded, so that one chatty monitor does not keep the others waiting: what is left wakes us again.
  for (int i = 0; i < 64 && ReadOne(); ++i) {
  }
}

bool MonitorLink::ReadOne() {
  std::optional<Frame> frame;
  Reply reply;
  bool ended = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_.gone) return false;
    auto received = state_.client.Receive();
    if (!received.ok()) {
      ended = true;
    } else if (!received.value().has_value()) {
      return false;
    } else {
      frame = std::move(received).value();
      const auto waiting = state_.replies.find(frame->id);
      if (static_cast<unsigned>(frame->type) < 200 && waiting != state_.replies.end()) {
        reply = std::move(waiting->second);
        state_.replies.erase(waiting);
      }
    }
  }
  if (ended) {
    End();
    return false;
  }
  if (static_cast<unsigned>(frame->type) >= 200) {
    handlers_.notice(*this, *frame);
  } else if (reply && frame->type == Type::kFailure) {
    auto failure = frame->Decode<monitorapi::Failure>();
    reply(failure.ok() ? failure.value().ToError() : std::move(failure).error());
  } else if (reply) {
    reply(std::move(*frame));
  }
  return true;
}

void MonitorLink::End() {
  std::map<std::uint32_t, Reply> replies;
  {
    const std::lock_guard lock(mutex_);
    if (state_.gone) return;
    state_.gone = true;
    loop_->RemoveFd(state_.client.fd());
    replies.swap(state_.replies);
  }
  for (auto& [id, reply] : replies) reply(Error(Code::kUnavailable, "the container's monitor has ended"));
  handlers_.gone(*this);
}

void MonitorLink::Reap() {
  if (!pidfd_.valid()) return;
  auto exit = os::Reap(pidfd_.get(), /*block=*/true);
  if (!exit.ok()) log::Warn("reap a monitor", {{"error", exit.error().Message()}});
  if (exit.ok() && *exit && (*exit)->signal != 0)
    log::Warn("a monitor was ended by a signal", {{"signal", std::to_string((*exit)->signal)}});
  pidfd_.Reset();
}

std::shared_ptr<MonitorLink::Waiter> MonitorLink::NewWaiter() { return std::make_shared<Waiter>(); }

void MonitorLink::Wake(const std::shared_ptr<Waiter>& waiter, Result<Frame> frame) {
  const std::lock_guard lock(waiter->mutex);
  waiter->frame.emplace(std::move(frame));
  waiter->changed.notify_all();
}

Result<Frame> MonitorLink::Await(const std::shared_ptr<Waiter>& waiter, std::chrono::milliseconds timeout) {
  std::unique_lock lock(waiter->mutex);
  if (!waiter->changed.wait_for(lock, timeout, [&] { return waiter->frame.has_value(); })) {
    return Error(Code::kDeadlineExceeded, "wait for the container's monitor");
  }
  return std::move(*waiter->frame);
}

}  // namespace estiba::engine
