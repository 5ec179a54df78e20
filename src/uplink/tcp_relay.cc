#include "tcp_relay.h"

#include <cerrno>
#include <optional>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "os/socket.h"
#include "source.h"

namespace estiba::uplink {
namespace {

// Two descriptors each, and two pipes of two while bytes are on the way.
constexpr std::size_t kMostRelays = 8192;
constexpr int kClientsARound = 64;
constexpr int kPiecesARound = 8;  // then others have their turn
// When descriptors have run out, which no event tells the end of.
constexpr std::chrono::milliseconds kPause{100};

bool WouldBlock(int err) { return err == EAGAIN || err == EINPROGRESS; }

}  // namespace

// One connection: what either side sends goes to the other.
class TcpRelays::Relay {
 public:
  Relay(os::Loop& loop, os::UniqueFd client, os::UniqueFd target, std::function<void()> over)
      : loop_(loop), over_(std::move(over)) {
    sides_[0].socket = std::move(client);
    sides_[1].socket = std::move(target);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() {
    for (Side& side : sides_) loop_.Forget(side.token);
  }

  // The connection to the container is under way.
  Status Start() {
    TRY(os::RelayTcp(sides_[0].socket.get()));
    TRY(os::RelayTcp(sides_[1].socket.get()));
    return Watch(1, EPOLLOUT);
  }

 private:
  // A socket, and what was read from it and not yet passed on.
  struct Side {
    os::UniqueFd socket;
    std::optional<os::SplicePipe> pipe{};
    std::size_t held = 0;
    bool over = false;    // it sends nothing any more
    bool passed = false;  // which the other one was told
    os::Loop::Token token = 0;
    std::uint32_t events = 0;
  };

  void OnEvent(int which) {
    if (!connected_) {
      if (os::ConnectionError(sides_[1].socket.get()) != 0) return Reset();
      connected_ = true;
    }
    // A reset is told by reading and writing, but not to who does neither just now.
    if (os::ConnectionError(sides_[which].socket.get()) != 0) return Reset();
    for (const int from : {which, 1 - which})
      if (!Pump(from)) return Reset();
    if (sides_[0].passed && sides_[1].passed) return over_();
    if (!Adjust()) Reset();
  }

  // False when the connection is broken.
  bool Pump(int from) {
    Side& side = sides_[from];
    Side& to = sides_[1 - from];
    for (int i = 0; i < kPiecesARound; ++i) {
      bool moved = false;
      if (!side.over && side.held == 0 && !Fill(side, moved)) return false;
      if (side.held > 0 && !Empty(side, to, moved)) return false;
      if (!moved) break;
    }
    if (side.held == 0) side.pipe.reset();
    if (side.over && side.held == 0 && !side.passed) {
      side.passed = true;
      // Who has gone altogether is found out by the next event.
      [[maybe_unused]] const int told = ::shutdown(to.socket.get(), SHUT_WR);
    }
    return true;
  }

  static bool Fill(Side& side, bool& moved) {
    if (!side.pipe) {
      auto pipe = os::MakeSplicePipe();
      if (!pipe.ok()) return false;
      side.pipe = std::move(*pipe);
    }
    const ssize_t n = os::Splice(side.socket.get(), side.pipe->write.get(), os::kPipeBytes);
    if (n < 0) return WouldBlock(errno);
    moved = true;
    if (n == 0) side.over = true;
    side.held += static_cast<std::size_t>(n);
    return true;
  }

  static bool Empty(Side& side, Side& to, bool& moved) {
    const ssize_t n = os::Splice(side.pipe->read.get(), to.socket.get(), side.held);
    if (n < 0) return WouldBlock(errno);
    moved = n > 0;
    side.held -= static_cast<std::size_t>(n);
    return true;
  }

  bool Adjust() {
    for (const int which : {0, 1}) {
      std::uint32_t events = 0;
      if (!sides_[which].over && sides_[which].held == 0) events |= EPOLLIN;
      if (sides_[1 - which].held > 0) events |= EPOLLOUT;
      if (!Watch(which, events).ok()) return false;
    }
    return true;
  }

  // Of a socket that nothing is wanted of, a hang-up would be told again and again.
  Status Watch(int which, std::uint32_t events) {
    Side& side = sides_[which];
    if (side.token != 0 && side.events == events && events != 0) return Ok();
    if (side.token != 0 && events != 0) {
      loop_.Change(side.token, events);
    } else {
      loop_.Forget(side.token);
      if (events != 0)
        side.token = TRY(loop_.Watch(side.socket.get(), events, [this, which](std::uint32_t) { OnEvent(which); }));
    }
    side.events = events;
    return Ok();
  }

  void Reset() {
    for (Side& side : sides_) os::ResetAtClose(side.socket.get());
    over_();
  }

  os::Loop& loop_;
  std::function<void()> over_;
  Side sides_[2];
  bool connected_ = false;
};

TcpRelays::TcpRelays(os::Loop& loop) : loop_(loop) {}
TcpRelays::~TcpRelays() = default;

bool TcpRelays::full() const { return relays_.size() >= kMostRelays; }

void TcpRelays::Pass(os::UniqueFd client, const os::InetPeer& target) {
  const auto peer = os::PeerAddress(client.get());
  auto connection = peer.ok() ? ConnectFor(SOCK_STREAM, *peer, target) : Result<os::UniqueFd>(peer.error().Clone());
  if (!connection.ok()) {
    log::Debug("pass a connection on", {{"error", connection.error().Message()}});
    os::ResetAtClose(client.get());
    return;
  }
  const std::uint64_t number = next_++;
  const auto over = [this, number] { loop_.Defer([this, number] { End(number); }); };
  auto relay = std::make_unique<Relay>(loop_, std::move(client), std::move(*connection), over);
  if (relay->Start().ok()) relays_.emplace(number, std::move(relay));
}

void TcpRelays::End(std::uint64_t number) {
  const bool waited = full();
  relays_.erase(number);
  if (waited && on_room_) on_room_();
}

Result<std::unique_ptr<TcpPort>> TcpPort::Create(os::Loop& loop, TcpRelays& relays, os::UniqueFd listener,
                                                 os::InetPeer target) {
  std::unique_ptr<TcpPort> port(new TcpPort(loop, relays, std::move(listener), std::move(target)));
  TcpPort* self = port.get();
  port->token_ = TRY(loop.Watch(port->listener_.get(), EPOLLIN, [self](std::uint32_t) { self->OnClients(); }));
  return port;
}

TcpPort::~TcpPort() {
  loop_.Forget(token_);
  loop_.Cancel(pause_);
}

void TcpPort::Resume() { loop_.Change(token_, EPOLLIN); }

void TcpPort::Wait() { loop_.Change(token_, 0); }

void TcpPort::OnClients() {
  for (int i = 0; i < kClientsARound; ++i) {
    if (relays_.full()) return Wait();
    auto client = os::Accept(listener_.get());
    if (!client.ok()) {
      Wait();
      loop_.Cancel(pause_);
      pause_ = loop_.After(kPause, [this] {
        pause_ = 0;
        Resume();
      });
      return;
    }
    if (!client->valid()) return;
    relays_.Pass(std::move(*client), target_);
  }
}

}  // namespace estiba::uplink
