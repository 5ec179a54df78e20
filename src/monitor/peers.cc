#include "peers.h"

#include <sys/socket.h>
#include <unistd.h>

#include "os/file.h"
#include "os/socket.h"

namespace estiba::monitor {

using monitorapi::Type;

namespace {
constexpr char kSocketName[] = "sock";
constexpr std::size_t kMaxPeers = 16;
}  // namespace

Peers::~Peers() {
  StopListening();
  for (auto& [id, peer] : peers_) loop_.Forget(peer->token);
  for (auto& [frame, waiting] : waiting_) loop_.Cancel(waiting.timer);
}

Result<Peers::Id> Peers::Add(os::UniqueFd socket, bool subscribed) {
  TRY(os::SetNonBlocking(socket.get(), true));
  const Id id = next_++;
  auto peer = std::make_shared<Peer>(std::move(socket));
  peer->subscribed = subscribed;
  peer->token = TRY(
      loop_.Watch(peer->channel.fd(), EPOLLIN, [this, id](std::uint32_t events) { OnEvents(id, events); }));
  peers_.emplace(id, std::move(peer));
  return id;
}

Status Peers::Listen(os::DirFd run_dir) {
  TRY(os::DeleteFile(run_dir, kSocketName));  // of a monitor that was killed: we hold the lock
  // Through the descriptor: the folder's path may be longer than a socket address.
  const std::string path = "/proc/self/fd/" + std::to_string(run_dir.fd) + "/" + kSocketName;
  listener_ = TRY(os::ListenUnix(path, SOCK_SEQPACKET, 0600, 16));
  listener_token_ = TRY(loop_.Watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { OnListener(); }));
  return Ok();
}

void Peers::StopListening() {
  loop_.Forget(listener_token_);
  listener_.Reset();
}

void Peers::OnListener() {
  auto socket = os::Accept(listener_.get());
  if (!socket.ok() || !socket->valid()) return;
  // The folder's mode keeps strangers out; this keeps them out should it be wrong.
  const auto credentials = os::GetPeer(socket->get());
  if (!credentials.ok() || (credentials->uid != ::geteuid() && credentials->uid != 0)) return;
  if (peers_.size() >= kMaxPeers) return;
  [[maybe_unused]] const bool added = Add(std::move(*socket), /*subscribed=*/false).ok();
}

void Peers::Close() {
  StopListening();
  for (auto& [id, peer] : peers_) loop_.Forget(peer->token);
  peers_.clear();
}

void Peers::Subscribe(Id peer) {
  if (const auto found = peers_.find(peer); found != peers_.end()) found->second->subscribed = true;
}

void Peers::OnEvents(Id id, std::uint32_t events) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const auto peer = found->second;
  if ((events & EPOLLOUT) != 0) {
    if (!peer->channel.Flush().ok()) return Lose(id);
    if (!peer->channel.WantsWrite()) loop_.Change(peer->token, EPOLLIN);
  }
  while (!peer->lost && ReceiveOne(id, *peer)) {
  }
}

bool Peers::ReceiveOne(Id id, Peer& peer) {
  auto frame = peer.channel.Receive();
  if (!frame.ok()) {
    Lose(id);
    return false;
  }
  if (!*frame) return false;
  if ((*frame)->type == Type::kAck) {
    Resolve((*frame)->id);
  } else {
    const Request request{id, (*frame)->id};
    handler_(request, std::move(**frame));
  }
  return true;
}

void Peers::Send(Id id, Type type, std::uint32_t frame, const std::string& body) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  auto& peer = *found->second;
  if (!peer.channel.Send(type, frame, body).ok()) return Lose(id);
  if (peer.channel.WantsWrite()) loop_.Change(peer.token, EPOLLIN | EPOLLOUT);
}

void Peers::Broadcast(Type type, std::uint32_t frame, const std::string& body) {
  std::vector<Id> to;
  for (const auto& [id, peer] : peers_)
    if (peer->subscribed) to.push_back(id);
  for (const Id id : to) Send(id, type, frame, body);
}

bool Peers::AnySubscriber() const {
  for (const auto& [id, peer] : peers_)
    if (peer->subscribed) return true;
  return false;
}

void Peers::Await(Type type, const std::string& body, std::function<void()> then) {
  constexpr auto kPatience = std::chrono::milliseconds(500);
  const std::uint32_t frame = next_notice_++;
  if (next_notice_ == 0) next_notice_ = 1;
  waiting_[frame] = {std::move(then), loop_.After(kPatience, [this, frame] { Resolve(frame); })};
  Broadcast(type, frame, body);
  if (!AnySubscriber()) loop_.Defer([this, frame] { Resolve(frame); });
}

void Peers::Resolve(std::uint32_t frame) {
  const auto found = waiting_.find(frame);
  if (found == waiting_.end()) return;
  auto waiting = std::move(found->second);
  waiting_.erase(found);
  loop_.Cancel(waiting.timer);
  waiting.then();
}

void Peers::Lose(Id id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const auto peer = found->second;
  peer->lost = true;
  loop_.Forget(peer->token);
  peers_.erase(found);
  if (AnySubscriber()) return;
  std::vector<std::uint32_t> open;
  for (const auto& [frame, waiting] : waiting_) open.push_back(frame);
  for (const std::uint32_t frame : open) loop_.Defer([this, frame] { Resolve(frame); });
}

}  // namespace estiba::monitor
