#include "http/server.h"

#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "connection.h"
#include "exchange_impl.h"
#include "http/workers.h"

namespace estiba::http {
namespace {

constexpr int kAcceptsAtOnce = 64;
constexpr std::chrono::milliseconds kAcceptPause{200};

class ServerImpl final : public Server {
 public:
  ServerImpl(Loop* loop, ServerOptions options, Handler handler)
      : loop_(loop),
        options_(std::move(options)),
        handler_(std::move(handler)),
        workers_({.threads = options_.workers, .name = "estibad-http"}) {
    host_.loop = loop_;
    host_.options = &options_;
    host_.dispatch = [this](const std::shared_ptr<Connection>& connection,
                            const std::shared_ptr<ExchangeState>& state) {
      return Dispatch(connection, state);
    };
    host_.forget = [this](Connection* connection) { connections_.erase(connection->shared_from_this()); };
  }

  ~ServerImpl() override {
    StopListening();
    while (!connections_.empty()) {
      const std::shared_ptr<Connection> connection = *connections_.begin();
      connection->Close();
    }
    workers_.Stop();
    relays_->EndAll();
  }

  Status Listen(os::UniqueFd listener) override {
    TRY(os::SetNonBlocking(listener.get(), true));
    const int fd = listener.get();
    TRY(loop_->AddFd(fd, EPOLLIN, [this, fd](std::uint32_t) { AcceptFrom(fd); }));
    listeners_.push_back(std::move(listener));
    return Ok();
  }

  Status Adopt(os::UniqueFd connection) override {
    TRY(os::SetNonBlocking(connection.get(), true));
    Take(std::move(connection));
    return Ok();
  }

  void StopListening() override {
    for (const os::UniqueFd& listener : listeners_) loop_->RemoveFd(listener.get());
    listeners_.clear();
    for (const auto& [listener, timer] : pauses_) loop_->CancelTimer(timer);
    pauses_.clear();
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->CloseIfIdle();
  }

  std::size_t connections() const override { return connections_.size() + relays_->size(); }

 private:
  void AcceptFrom(int listener) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
      auto accepted = os::Accept(listener);
      if (!accepted.ok()) {
        if (accepted.error().errnum() == ECONNABORTED || accepted.error().errnum() == EINTR) continue;
        return Pause(listener);  // EMFILE and the like: the connection stays in the backlog
      }
      if (!accepted->valid()) return;
      Take(std::move(accepted).value());
    }
  }

  void Take(os::UniqueFd fd) {
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on UNIX sockets
    auto connection = std::make_shared<Connection>(&host_, std::move(fd));
    if (!connection->Start().ok()) return;
    connections_.insert(connection);
    if (connections_.size() > options_.max_connections) connection->Refuse(503, "too many connections");
  }

  void Pause(int listener) {
    if (pauses_.contains(listener) || !loop_->ChangeFd(listener, 0).ok()) return;
    pauses_[listener] = loop_->AddTimer(kAcceptPause, [this, listener] {
      pauses_.erase(listener);
      (void)loop_->ChangeFd(listener, EPOLLIN).ok();  // not watched any more: nothing to accept
    });
  }

  bool Dispatch(const std::shared_ptr<Connection>& connection, const std::shared_ptr<ExchangeState>& state) {
    auto exchange = std::make_shared<ExchangeImpl>(loop_, &options_, relays_, connection, state);
    return workers_.Submit([this, exchange]() mutable { handler_(std::move(exchange)); });
  }

  Loop* loop_;
  const ServerOptions options_;
  const Handler handler_;
  Connection::Host host_;
  std::vector<os::UniqueFd> listeners_;
  std::map<int, Loop::TimerId> pauses_;  // listeners that rest, and until when
  std::set<std::shared_ptr<Connection>> connections_;
  std::shared_ptr<WebSocketRelays> relays_ = std::make_shared<WebSocketRelays>();
  Workers workers_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Create(Loop* loop, ServerOptions options, Handler handler) {
  return std::unique_ptr<Server>(std::make_unique<ServerImpl>(loop, std::move(options), std::move(handler)));
}

}  // namespace estiba::http
