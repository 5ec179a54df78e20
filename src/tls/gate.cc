#include "tls/gate.h"

#include <cerrno>
#include <deque>
#include <map>
#include <utility>

#include <sys/socket.h>

#include "base/ip.h"
#include "base/log.h"
#include "os/inet.h"
#include "os/socket.h"
#include "relay.h"
#include "tls/telling.h"

namespace estiba::tls {
namespace {

using namespace std::chrono_literals;

// Beyond it clients wait in the sockets' backlogs.
constexpr std::size_t kMaxConnections = 2048;
constexpr std::size_t kMaxHandshakes = 256;
constexpr int kAcceptsAtOnce = 64;
constexpr auto kPause = 200ms;

std::string AddressOf(int socket) {
  const auto peer = os::PeerAddress(socket);
  if (!peer.ok()) return "?";
  const auto ip = Ip::FromBytes(peer->address);
  if (!ip.ok()) return "?";
  return WithPort(*ip, peer->port);
}

class GateImpl final : public Gate {
 public:
  GateImpl(os::Loop& loop, Context context, os::UniqueFd engine)
      : loop_(loop), context_(std::move(context)), engine_(std::move(engine)) {}
  ~GateImpl() override {
    visitors_.clear();
    loop_.Forget(engine_token_);
    loop_.Cancel(pause_);
    for (Listener& listener : listeners_) loop_.Forget(listener.token);
  }

  Status Begin(std::vector<os::UniqueFd> listeners) {
    TRY(os::SetNonBlocking(engine_.get(), true));
    engine_token_ = TRY(loop_.Watch(engine_.get(), EPOLLIN, [this](std::uint32_t events) { OnEngine(events); }));
    for (os::UniqueFd& socket : listeners) {
      TRY(os::SetNonBlocking(socket.get(), true));
      const int fd = socket.get();
      const auto token = TRY(loop_.Watch(fd, EPOLLIN, [this, fd](std::uint32_t) { AcceptFrom(fd); }));
      listeners_.push_back({std::move(socket), token});
    }
    return Ok();
  }

 private:
  struct Listener {
    os::UniqueFd socket;
    os::Loop::Token token;
  };
  struct Visit {
    std::unique_ptr<Relay> relay;
    bool greeting = true;
  };
  struct Handover {
    Visitor visitor;
    os::UniqueFd connection;
  };

  bool Full() const { return visitors_.size() >= kMaxConnections || handshakes_ >= kMaxHandshakes; }

  void Listen(bool on) {
    for (const Listener& listener : listeners_) loop_.Change(listener.token, on ? EPOLLIN : 0U);
  }

  void AcceptFrom(int listener) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
      if (Full()) return Listen(false);
      auto accepted = os::Accept(listener);
      if (!accepted.ok()) {
        if (accepted.error().errnum() == ECONNABORTED || accepted.error().errnum() == EINTR) continue;
        return Pause();  // EMFILE and the like: the connection stays in the backlog
      }
      if (!accepted->valid()) return;
      Take(std::move(accepted).value());
    }
  }

  void Pause() {
    Listen(false);
    if (pause_ != 0) return;
    pause_ = loop_.After(kPause, [this] {
      pause_ = 0;
      if (!Full()) Listen(true);
    });
  }

  void Take(os::UniqueFd socket) {
    (void)os::RelayTcp(socket.get()).ok();  // slower without, that is all
    const std::string address = AddressOf(socket.get());
    auto session = Session::Accept(context_, socket.get());
    if (!session.ok()) return log::Error("let a client in", {{"error", session.error().Message()}});
    const std::uint64_t number = next_++;
    auto relay = std::make_unique<Relay>(
        loop_, std::move(socket), std::move(session).value(),
        Relay::Events{[this, number, address](Session& client) { return Introduce(client, number, address); },
                      [this, number, address](const std::string& failure) { OnEnd(number, address, failure); }});
    if (const Status started = relay->Start(); !started.ok())
      return log::Error("let a client in", {{"error", started.error().Message()}});
    ++handshakes_;
    visitors_.emplace(number, Visit{std::move(relay)});
  }

  Result<os::UniqueFd> Introduce(Session& client, std::uint64_t number, const std::string& address) {
    visitors_.at(number).greeting = false;
    --handshakes_;
    if (!Full() && pause_ == 0) Listen(true);
    if (!engine_.valid()) return Error(Code::kUnavailable, "the engine has ended");
    auto pair = TRY(os::MakeSocketPair(SOCK_STREAM));
    TRY(os::SetNonBlocking(pair.ours.get(), true));
    handovers_.push_back({{address, client.PeerName(), client.Version()}, std::move(pair.theirs)});
    HandOver();
    return std::move(pair.ours);
  }

  // The engine may be busy: what does not get through waits until it has room.
  void HandOver() {
    while (!handovers_.empty() && engine_.valid()) {
      const Handover& next = handovers_.front();
      const Status sent = TellVisitor(engine_.get(), next.visitor, next.connection.get());
      if (!sent.ok() && sent.error().errnum() == EAGAIN) return loop_.Change(engine_token_, EPOLLIN | EPOLLOUT);
      if (!sent.ok()) log::Error("hand a connection to the engine", {{"error", sent.error().Message()}});
      handovers_.pop_front();
    }
    loop_.Change(engine_token_, EPOLLIN);
  }

  // It says nothing: what makes the socket readable is its end.
  void OnEngine(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) HandOver();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    loop_.Forget(engine_token_);
    engine_.Reset();
    handovers_.clear();
    for (Listener& listener : listeners_) loop_.Forget(listener.token);
    listeners_.clear();
    if (visitors_.empty()) loop_.Stop();
  }

  void OnEnd(std::uint64_t number, const std::string& address, const std::string& failure) {
    const auto found = visitors_.find(number);
    if (found == visitors_.end()) return;
    if (found->second.greeting) {
      --handshakes_;
      log::Warn("a client was not let in", {{"address", address}, {"why", failure}});
    } else if (!failure.empty()) {
      log::Debug("a connection was cut", {{"address", address}, {"why", failure}});
    }
    visitors_.erase(found);
    if (!Full() && pause_ == 0) Listen(true);
    if (!engine_.valid() && visitors_.empty()) loop_.Stop();
  }

  os::Loop& loop_;
  const Context context_;
  os::UniqueFd engine_;
  os::Loop::Token engine_token_ = 0;
  os::Loop::Token pause_ = 0;
  std::vector<Listener> listeners_;
  std::deque<Handover> handovers_;
  std::size_t handshakes_ = 0;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Visit> visitors_;
};

}  // namespace

Result<std::unique_ptr<Gate>> Gate::Create(os::Loop& loop, Context context, std::vector<os::UniqueFd> listeners,
                                           os::UniqueFd engine) {
  auto gate = std::make_unique<GateImpl>(loop, std::move(context), std::move(engine));
  TRY(gate->Begin(std::move(listeners)));
  return std::unique_ptr<Gate>(std::move(gate));
}

}  // namespace estiba::tls
