#include "user_network.h"

#include <algorithm>

#include <sys/epoll.h>

#include "base/log.h"
#include "os/netns.h"

namespace estiba::monitor {
namespace {

// A program that does not come up, and a way out that is slow.
constexpr std::chrono::milliseconds kPatience{20'000};
// What the monitor does not answer in.
constexpr std::chrono::milliseconds kShortPatience{2'000};
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr unsigned kMostDoublings = 8;  // 1,280 ms

}  // namespace

Result<int> UserNetwork::Reach(const plan::Plan& plan) {
  const plan::Step* step = plan::UserNetworkOf(plan);
  if (step == nullptr) return -1;
  place_ = {step->text.at(0), step->text.at(1)};
  const bool more = !step->text.at(2).empty() && step->text[2] != way_out_;
  if (network_.netns.valid() && connection_.valid() && !more) return network_.netns.get();
  if (more) way_out_ = step->text[2];
  TRY_CTX(ReachPlace(), "reach the user's network");
  return network_.netns.get();
}

Status UserNetwork::ReachPlace() {
  const bool known = network_.netns.valid();
  auto reached = TRY(uplink::Reach(place_, known ? &network_ : nullptr, way_out_, kPatience));
  if (!known) network_ = std::move(reached.network);
  if (loop_ != nullptr) loop_->Forget(token_);
  connection_ = std::move(reached.connection);
  if (!ports_.empty()) TRY(uplink::GivePorts(connection_.get(), ports_, kShortPatience));
  Watch();
  return Ok();
}

Result<int> UserNetwork::Find(const plan::Plan& plan) {
  const plan::Step* step = plan::UserNetworkOf(plan);
  if (step == nullptr) return -1;
  if (network_.netns.valid()) return network_.netns.get();
  auto found = TRY_CTX(uplink::Find(step->text.at(0)), "find the user's network");
  if (!found) return -1;
  network_ = std::move(*found);
  return network_.netns.get();
}

Status UserNetwork::In(int netns, const std::function<Status()>& work) {
  return netns < 0 ? work() : os::VisitNetworkNamespace(netns, work);
}

Status UserNetwork::Publish(std::vector<uplink::Port> ports) {
  const bool nothing = ports.empty() && ports_.empty();
  ports_ = std::move(ports);
  // Without a connection they are given when there is one again.
  if (nothing || !connection_.valid()) return Ok();
  return uplink::GivePorts(connection_.get(), ports_, kShortPatience);
}

void UserNetwork::Release() {
  if (loop_ != nullptr) {
    loop_->Forget(token_);
    loop_->Cancel(timer_);
  }
  connection_.Reset();
  network_ = {};
  ports_.clear();
  way_out_.clear();
  failures_ = 0;
}

void UserNetwork::Watch() {
  if (loop_ == nullptr) return;
  auto token = loop_->Watch(connection_.get(), EPOLLIN, [this](std::uint32_t) {
    if (uplink::HasEnded(connection_.get())) Again(std::chrono::milliseconds(0));
  });
  if (token.ok()) token_ = *token;
}

Status UserNetwork::Connect() {
  auto reached = TRY(uplink::Reach(place_, &network_, way_out_, kShortPatience));
  connection_ = std::move(reached.connection);
  if (!ports_.empty()) TRY(uplink::GivePorts(connection_.get(), ports_, kShortPatience));
  failures_ = 0;
  Watch();
  return Ok();
}

void UserNetwork::Again(std::chrono::milliseconds pause) {
  loop_->Forget(token_);
  loop_->Cancel(timer_);
  connection_.Reset();
  timer_ = loop_->After(pause, [this] {
    timer_ = 0;
    const Status connected = Connect();
    if (connected.ok()) return;
    if (failures_++ == 0) log::Error("estiba-uplink cannot be started", {{"error", connected.error().Message()}});
    Again(kFirstPause * (1U << std::min(failures_, kMostDoublings)));
  });
}

}  // namespace estiba::monitor
