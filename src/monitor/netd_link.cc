#include "netd_link.h"

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
// A short-lived container needs nobody who watches its rules.
constexpr std::chrono::milliseconds kShortLived{100};
constexpr std::chrono::seconds kRestorePause{1};

}  // namespace

void NetdLink::Serve(net::NameSockets sockets, os::Loop::Clock::time_point rules_made) {
  Stop();
  sockets_ = std::move(sockets);
  rules_made_ = rules_made;
  if (!sockets_.udp.valid() && !HasRules()) return;
  failures_ = restore_failures_ = 0;
  // Whoever waits for the container to start does not wait for this.
  timer_ = loop_.After(sockets_.udp.valid() ? std::chrono::milliseconds(0) : kShortLived, [this] {
    timer_ = 0;
    HandOver();
  });
}

void NetdLink::Change(net::NameSockets sockets, bool names, bool rules) {
  const bool kept = !sockets.udp.valid() && names == sockets_.udp.valid();
  if (kept && rules == HasRules()) return;
  if (names && !sockets.udp.valid()) sockets = std::move(sockets_);
  auto made = rules_made_;
  if (rules != HasRules()) made = rules ? os::Loop::Clock::now() : os::Loop::Clock::time_point();
  Serve(std::move(sockets), made);
}

void NetdLink::Stop() {
  loop_.Forget(token_);
  loop_.Cancel(timer_);
  loop_.Cancel(restore_timer_);
  connection_.Reset();
  sockets_ = {};
  rules_made_ = {};
}

void NetdLink::HandOver() {
  auto handed = TryHandOver();
  if (handed.ok()) return;
  // Somebody else starts it, or it was just being killed: nothing to tell.
  const bool passing = handed.error().code() == Code::kUnavailable;
  if (passing) return Again(NextPause());
  if (failures_++ == 0)
    log::Error("estiba-netd does not serve the container: no names, and no rules put back",
               {{"container", id_}, {"error", handed.error().Message()}});
  Again(kBrokenPause);
}

Status NetdLink::TryHandOver() {
  connection_ = TRY(netd::Connect(place_));
  const auto made = std::chrono::nanoseconds(rules_made_.time_since_epoch()).count();
  const netd::HandOver message{id_, static_cast<std::uint64_t>(made)};
  TRY(netd::Give(connection_.get(), message, sockets_.udp.get(), sockets_.tcp.get()));
  token_ = TRY(loop_.Watch(connection_.get(), EPOLLIN, [this](std::uint32_t) { OnMessage(); }));
  handed_over_ = os::Loop::Clock::now();
  return Ok();
}

// Its answer, its word that rules are lost, or its end.
void NetdLink::OnMessage() {
  auto message = os::ReceiveMessage(connection_.get(), netd::kMaxHandOver);
  if (!message.ok() && message.error().errnum() == EAGAIN) return;
  if (message.ok() && message->bytes == netd::kRulesLost) return Restore();
  if (message.ok() && !message->bytes.empty()) {
    const Status answer = netd::DecodeAnswer(message->bytes);
    if (answer.ok()) return;
    log::Error("estiba-netd does not serve the container",
               {{"container", id_}, {"error", answer.error().Message()}});
  }
  if (os::Loop::Clock::now() - handed_over_ > kLived) failures_ = 0;
  Again(NextPause());
}

// Told again what was done is no harm: it is done once more. What cannot be done now is tried again by ourselves.
void NetdLink::Restore() {
  loop_.Cancel(restore_timer_);
  const auto began = os::Loop::Clock::now();
  const Status restored = restore_();
  if (restored.ok()) {
    rules_made_ = began;
    restore_failures_ = 0;
  } else {
    if (restore_failures_++ == 0)
      log::Error("rules of the container's networks cannot be put right",
                 {{"container", id_}, {"error", restored.error().Message()}});
    restore_timer_ = loop_.After(kRestorePause, [this] {
      restore_timer_ = 0;
      Restore();
    });
  }
  // If it is gone by now, we are told by the connection's end.
  [[maybe_unused]] const bool told = os::SendMessage(connection_.get(), netd::kRulesRestored).ok();
}

std::chrono::milliseconds NetdLink::NextPause() {
  const unsigned before = failures_++;
  return before == 0 ? std::chrono::milliseconds(0) : kFirstPause * (1U << std::min(before - 1, kMostDoublings));
}

void NetdLink::Again(std::chrono::milliseconds pause) {
  loop_.Forget(token_);
  loop_.Cancel(timer_);
  connection_.Reset();
  timer_ = loop_.After(pause, [this] {
    timer_ = 0;
    HandOver();
  });
}

}  // namespace estiba::monitor
