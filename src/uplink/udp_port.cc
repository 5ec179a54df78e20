#include "udp_port.h"

#include <cerrno>

#include <sys/epoll.h>

#include "base/log.h"
#include "source.h"

namespace estiba::uplink {
namespace {

// As the kernel remembers UDP: nf_conntrack_udp_timeout and …_stream.
constexpr std::chrono::seconds kUnanswered{30};
constexpr std::chrono::seconds kAnswered{120};
constexpr std::chrono::seconds kRound{5};
constexpr std::size_t kMostFlows = 4096;  // of a port; then the one that was silent longest goes
constexpr int kDatagramsARound = 64;

}  // namespace

Result<std::unique_ptr<UdpPort>> UdpPort::Create(os::Loop& loop, os::UniqueFd socket, os::InetPeer target,
                                                 std::span<char> buffer) {
  TRY(os::TellDestinations(socket.get()));
  std::unique_ptr<UdpPort> port(new UdpPort(loop, std::move(socket), std::move(target), buffer));
  UdpPort* self = port.get();
  port->token_ = TRY(loop.Watch(port->socket_.get(), EPOLLIN, [self](std::uint32_t) { self->OnDatagrams(); }));
  return port;
}

UdpPort::~UdpPort() {
  loop_.Forget(token_);
  loop_.Cancel(timer_);
  for (Flow& flow : flows_) loop_.Forget(flow.token);
}

void UdpPort::OnDatagrams() {
  for (int i = 0; i < kDatagramsARound; ++i) {
    os::Datagram datagram{};
    const ssize_t size = os::ReceiveDatagram(socket_.get(), buffer_, &datagram);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) continue;  // of an earlier answer that nobody took
    Flow* flow = FlowOf(datagram);
    if (flow == nullptr) continue;
    // A container that takes nothing loses what it is sent, as ever with UDP.
    [[maybe_unused]] const ssize_t sent =
        ::send(flow->socket.get(), buffer_.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
  }
}

UdpPort::Flow* UdpPort::FlowOf(const os::Datagram& datagram) {
  const os::InetPeer client = os::PeerOf(datagram.sender);
  Key key = client.address + std::to_string(client.port) + '/' + datagram.to;
  if (const auto known = by_client_.find(key); known != by_client_.end()) {
    Used(known->second);
    return &*known->second;
  }
  if (flows_.size() >= kMostFlows) Drop(flows_.begin());
  auto socket = ConnectFor(SOCK_DGRAM, client, target_);
  if (!socket.ok()) {
    log::Debug("pass a datagram on", {{"error", socket.error().Message()}});
    return nullptr;
  }
  flows_.push_back({std::move(key), datagram, std::move(*socket), 0, false, os::Loop::Clock::now()});
  const auto flow = std::prev(flows_.end());
  by_client_[flow->key] = flow;
  auto token = loop_.Watch(flow->socket.get(), EPOLLIN, [this, flow](std::uint32_t) { OnAnswers(flow); });
  if (!token.ok()) {
    Drop(flow);
    return nullptr;
  }
  flow->token = *token;
  if (timer_ == 0) DropOld();
  return &*flow;
}

void UdpPort::OnAnswers(Flows::iterator flow) {
  for (int i = 0; i < kDatagramsARound; ++i) {
    const ssize_t size = ::recv(flow->socket.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) continue;  // nobody listens there: the next datagram may find somebody
    flow->answered = true;
    Used(flow);
    [[maybe_unused]] const ssize_t sent =
        os::AnswerDatagram(socket_.get(), {buffer_.data(), static_cast<std::size_t>(size)}, flow->client);
  }
}

void UdpPort::Used(Flows::iterator flow) {
  flow->last = os::Loop::Clock::now();
  flows_.splice(flows_.end(), flows_, flow);
}

void UdpPort::Drop(Flows::iterator flow) {
  loop_.Forget(flow->token);
  by_client_.erase(flow->key);
  flows_.erase(flow);
}

void UdpPort::DropOld() {
  const auto now = os::Loop::Clock::now();
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto next = std::next(flow);
    if (now - flow->last > (flow->answered ? kAnswered : kUnanswered)) Drop(flow);
    flow = next;
  }
  timer_ = 0;
  if (flows_.empty()) return;
  timer_ = loop_.After(kRound, [this] { DropOld(); });
}

}  // namespace estiba::uplink
