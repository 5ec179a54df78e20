#pragma once

#include <memory>

#include "connection.h"
#include "exchange_state.h"
#include "http/exchange.h"
#include "websocket_relay.h"

namespace estiba::http {

// The handler's half: any thread. Work for the connection is posted to the loop.
class ExchangeImpl final : public Exchange {
 public:
  ExchangeImpl(Loop* loop, const ServerOptions* options, std::shared_ptr<WebSocketRelays> relays,
               std::weak_ptr<Connection> connection, std::shared_ptr<ExchangeState> state);
  ~ExchangeImpl() override;

  const RequestHead& head() const override { return state_->head; }
  const os::PeerCredentials& peer() const override { return state_->peer; }
  const std::string& body() const override { return state_->body; }
  os::UniqueFd TakeBody() override;
  bool body_complete() const override;
  os::UniqueFd TakeDescriptor() override;

  void Respond(int status, Headers headers, std::string body) override;
  void StartStream(int status, Headers headers) override;
  WriteState Write(std::string_view bytes) override;
  bool WriteBlocking(std::string_view bytes) override;
  bool WriteFrom(int pipe) override;
  void Finish() override;
  void Abort() override;
  bool answered() const override;
  Result<Detached> Detach(std::string_view content_type, std::chrono::milliseconds settle) override;
  Result<os::UniqueFd> OpenWebSocket(WebSocketOptions options) override;
  void OnPeerGone(std::function<void()> callback) override;
  bool peer_gone() const override;
  void OnDrained(std::function<void()> callback) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  bool MarkAnswered();
  Result<Detached> TakeConnection();
  bool Gone() const;
  Result<os::UniqueFd> BorrowSocket();
  bool CopyFrom(int pipe);
  bool Queue(Lock& lock, std::string bytes);
  void PostFlush(Lock& lock);
  bool KeepsAlive() const;
  template <typename F>
  void OnConnection(const F& f) const;

  Loop* loop_;
  const ServerOptions* options_;
  std::shared_ptr<WebSocketRelays> relays_;
  std::weak_ptr<Connection> connection_;
  std::shared_ptr<ExchangeState> state_;
};

}  // namespace estiba::http
