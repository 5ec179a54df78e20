#pragma once
// One client connection. Everything here runs on the loop's thread.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "exchange_state.h"
#include "http/loop.h"
#include "http/server.h"
#include "os/fd.h"
#include "os/socket.h"
#include "request_parser.h"

namespace estiba::http {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // What a connection needs of its server, which outlives it.
  struct Host {
    Loop* loop;
    const ServerOptions* options;
    // Hands a request to the workers; false when they are too busy.
    std::function<bool(const std::shared_ptr<Connection>&, const std::shared_ptr<ExchangeState>&)> dispatch;
    std::function<void(Connection*)> forget;  // the connection is over; drops the server's reference
  };

  Connection(Host* host, os::UniqueFd fd);
  ~Connection();

  Status Start();
  // Answers `status` and ends the connection.
  void Refuse(int status, std::string_view message);
  void CloseIfIdle();
  void Close();

  // From exchanges, on the loop's thread.
  void Flush(const std::shared_ptr<ExchangeState>& state);
  // A worker waits for the client to take bytes.
  void AwaitProgress(const std::shared_ptr<ExchangeState>& state);
  void Abort(const std::shared_ptr<ExchangeState>& state);
  void FailUnanswered(const std::shared_ptr<ExchangeState>& state);
  Result<Detached> Detach(const std::shared_ptr<ExchangeState>& state);
  // A descriptor of the socket for whoever writes a stream that is under way, once all that was written has left. It is
  // theirs alone until the exchange writes again. kUnavailable when something waits to be sent still.
  Result<os::UniqueFd> LendSocket(const std::shared_ptr<ExchangeState>& state);

 private:
  enum class Phase : unsigned char {
    kIdle,    // between requests
    kHead,    // some bytes of a head
    kBody,    // head read, body under way into the exchange's buffer
    kAnswer,  // the handler has the request (its body may still flow into a pipe)
    kLinger,  // answered before the client had finished: reading what comes, into nothing
    kClosed,
  };

  void OnEvents(std::uint32_t events);
  void OnPeerShutdown();
  void ReadMore();
  ssize_t Receive(char* buffer, std::size_t size);
  void Parse();
  bool OnHead();
  void OnBodyBytes();
  void OnRequestDone();
  void StartPipe();
  void PumpPipe();
  void OnPipeRoom();
  void ClosePipe(bool complete);
  void Dispatch();
  void OnAnswerSent();
  void ParseNext();
  void Linger();
  void Send();
  bool TakeOutput();
  void CountSent(std::size_t bytes);
  void MarkPeerGone();
  bool WantsInput() const;
  void UpdateEvents();
  void SetDeadline(std::chrono::milliseconds delay, void (Connection::*on_expiry)());
  void ClearDeadline();
  void WatchWriting();
  void OnWritingChecked(std::uint64_t sent_before);
  void OnSlowHead();
  void OnSlowBody();

  Host* host_;
  os::UniqueFd fd_;
  os::PeerCredentials peer_{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
  Phase phase_ = Phase::kIdle;
  std::string in_;               // read, not parsed
  std::string out_;              // to be sent
  std::size_t out_sent_ = 0;     // of `out_`
  std::size_t out_foreign_ = 0;  // bytes at the front of `out_` that are not the exchange's (100 Continue)
  os::UniqueFd passed_;          // came beside the head under way
  std::unique_ptr<RequestParser> parser_;
  std::shared_ptr<ExchangeState> state_;  // of the request under way
  os::UniqueFd body_writer_;
  std::string body_pending_;  // for the pipe
  bool piping_ = false;       // this request's body goes to a pipe
  bool body_watched_ = false;
  bool body_dropped_ = false;  // the pipe's reader has left
  bool keep_alive_ = true;
  bool peer_shut_ = false;    // EPOLLRDHUP seen
  bool input_ended_ = false;  // no more bytes will come
  std::uint32_t events_ = 0;
  Loop::TimerId timer_ = 0;
  Loop::TimerId write_timer_ = 0;
  std::uint64_t sent_ = 0;  // since the connection began
  std::uint64_t lingered_ = 0;
};

}  // namespace estiba::http
