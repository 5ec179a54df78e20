#include "names.h"

#include <algorithm>

#include <sys/epoll.h>

#include "base/log.h"
#include "netd/handover.h"
#include "os/socket.h"

namespace estiba::monitor {
namespace {

// Once at once, then later and later, up to a moment that no client notices: it was killed, or somebody else starts it.
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr unsigned kMostDoublings = 5;  // 160 ms
// When it cannot be started at all: its program is not there.
constexpr std::chrono::seconds kBrokenPause{5};
// One that has lived so long did not fail to start.
constexpr std::chrono::seconds kLived{1};

}  // namespace

void Names::Serve(net::NameSockets sockets) {
  Stop();
  if (!sockets.udp.valid()) return;
  sockets_ = std::move(sockets);
  failures_ = 0;
  // Whoever waits for the container to start does not wait for this.
  timer_ = loop_.After(std::chrono::nanoseconds(0), [this] {
    timer_ = 0;
    HandOver();
  });
}

void Names::Stop() {
  loop_.Forget(token_);
  loop_.Cancel(timer_);
  connection_.Reset();
  sockets_ = {};
}

void Names::HandOver() {
  auto handed = TryHandOver();
  if (handed.ok()) return;
  // Somebody else starts it, or it was just being killed: nothing to tell.
  const bool passing = handed.error().code() == Code::kUnavailable;
  if (passing) return Again(NextPause());
  if (failures_++ == 0)
    log::Error("names do not resolve in the container", {{"container", id_}, {"error", handed.error().Message()}});
  Again(kBrokenPause);
}

Status Names::TryHandOver() {
  connection_ = TRY(netd::Connect(place_));
  TRY(netd::HandOverSockets(connection_.get(), id_, sockets_.udp.get(), sockets_.tcp.get()));
  token_ = TRY(loop_.Watch(connection_.get(), EPOLLIN, [this](std::uint32_t) { OnMessage(); }));
  handed_over_ = os::Loop::Clock::now();
  return Ok();
}

// Its answer, or its end.
void Names::OnMessage() {
  auto message = os::ReceiveMessage(connection_.get(), netd::kMaxHandOver);
  if (!message.ok() && message.error().errnum() == EAGAIN) return;
  if (message.ok() && !message->bytes.empty()) {
    const Status answer = netd::DecodeAnswer(message->bytes);
    if (answer.ok()) return;
    log::Error("names do not resolve in the container", {{"container", id_}, {"error", answer.error().Message()}});
  }
  if (os::Loop::Clock::now() - handed_over_ > kLived) failures_ = 0;
  Again(NextPause());
}

std::chrono::milliseconds Names::NextPause() {
  const unsigned before = failures_++;
  return before == 0 ? std::chrono::milliseconds(0) : kFirstPause * (1U << std::min(before - 1, kMostDoublings));
}

void Names::Again(std::chrono::milliseconds pause) {
  loop_.Forget(token_);
  loop_.Cancel(timer_);
  connection_.Reset();
  timer_ = loop_.After(pause, [this] {
    timer_ = 0;
    HandOver();
  });
}

}  // namespace estiba::monitor
