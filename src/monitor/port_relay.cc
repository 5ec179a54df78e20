#include "port_relay.h"

#include <algorithm>

#include <sys/epoll.h>

#include "base/log.h"

namespace estiba::monitor {
namespace {

// What the monitor does not answer in.
constexpr std::chrono::milliseconds kPatience{2'000};
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr unsigned kMostDoublings = 8;  // 1,280 ms

}  // namespace

Status PortRelay::Serve(uplink::Place place, std::vector<uplink::Port> ports) {
  if (ports.empty() || loop_ == nullptr) {
    Status given = connection_.valid() ? uplink::GivePorts(connection_.get(), {}, kPatience) : Ok();
    Release();
    return given;
  }
  place_ = std::move(place);
  ports_ = std::move(ports);
  if (connection_.valid()) return uplink::GivePorts(connection_.get(), ports_, kPatience);
  if (timer_ == 0) AwaitClients();
  return Ok();
}

void PortRelay::Release() {
  ports_.clear();
  ForgetClients();
  if (loop_ != nullptr) {
    loop_->Forget(token_);
    loop_->Cancel(timer_);
  }
  connection_.Reset();
  network_ = {};
  failures_ = 0;
}

void PortRelay::AwaitClients() {
  ForgetClients();
  for (const uplink::Port& port : ports_) {
    auto token = loop_->Watch(port.socket, EPOLLIN, [this](std::uint32_t) { OnClient(); });
    if (token.ok()) {
      waiting_.push_back(*token);
    } else {
      log::Error("a published port is not served", {{"port", port.line}, {"error", token.error().Message()}});
    }
  }
}

void PortRelay::ForgetClients() {
  for (os::Loop::Token& token : waiting_) loop_->Forget(token);
  waiting_.clear();
}

Status PortRelay::Connect() {
  auto reached = TRY(uplink::Reach(place_, nullptr, /*way_out=*/"", kPatience));
  TRY(uplink::GivePorts(reached.connection.get(), ports_, kPatience));
  network_ = std::move(reached.network);
  connection_ = std::move(reached.connection);
  token_ = TRY(loop_->Watch(connection_.get(), EPOLLIN, [this](std::uint32_t) { OnConnection(); }));
  failures_ = 0;
  return Ok();
}

void PortRelay::OnClient() {
  ForgetClients();
  const Status connected = Connect();
  if (connected.ok()) return;
  connection_.Reset();
  if (failures_++ == 0) log::Error("estiba-uplink cannot be started", {{"error", connected.error().Message()}});
  TryLater();
}

// It was killed: the next client has another one started.
void PortRelay::OnConnection() {
  if (!uplink::HasEnded(connection_.get())) return;
  loop_->Forget(token_);
  connection_.Reset();
  network_ = {};
  AwaitClients();
}

// Whoever waits goes on waiting, and would be reported to us without end.
void PortRelay::TryLater() {
  timer_ = loop_->After(kFirstPause * (1U << std::min(failures_, kMostDoublings)), [this] {
    timer_ = 0;
    AwaitClients();
  });
}

}  // namespace estiba::monitor
