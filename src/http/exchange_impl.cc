#include "exchange_impl.h"

#include <cerrno>
#include <future>
#include <thread>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "response_head.h"
#include "splice.h"

namespace estiba::http {
namespace {

// Until the peer has read everything, or `limit` has passed. SIOCOUTQ counts a UNIX socket's unread bytes
// (unix(7)).
void AwaitRead(int fd, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int unread = 0;
  while (std::chrono::steady_clock::now() < deadline && ::ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

// The first bytes on an empty socket buffer: they fit.
Status SendHead(int fd, const std::string& head) {
  const ssize_t sent = ::send(fd, head.data(), head.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(head.size())) return Ok();
  return Error(Code::kUnavailable, "take over the connection: the client has gone");
}

bool HasBody(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

ExchangeImpl::ExchangeImpl(Loop* loop, const ServerOptions* options, std::shared_ptr<WebSocketRelays> relays,
                           std::weak_ptr<Connection> connection, std::shared_ptr<ExchangeState> state)
    : loop_(loop),
      options_(options),
      relays_(std::move(relays)),
      connection_(std::move(connection)),
      state_(std::move(state)) {}

// Runs `f(connection)` on the loop's thread if the connection still exists then.
template <typename F>
void ExchangeImpl::OnConnection(const F& f) const {
  auto run = [connection = connection_, f] {
    if (auto alive = connection.lock()) f(*alive);
  };
  loop_->Post(std::move(run));
}

ExchangeImpl::~ExchangeImpl() {
  Lock lock(state_->mutex);
  if (state_->gone || state_->finished) return;
  const bool cut = state_->streaming;
  lock.unlock();
  OnConnection([state = state_, cut](Connection& connection) {
    if (cut) {
      connection.Abort(state);
    } else {
      connection.FailUnanswered(state);
    }
  });
}

os::UniqueFd ExchangeImpl::TakeBody() {
  const Lock lock(state_->mutex);
  return std::move(state_->body_pipe);
}

os::UniqueFd ExchangeImpl::TakeDescriptor() {
  const Lock lock(state_->mutex);
  return std::move(state_->passed);
}

bool ExchangeImpl::body_complete() const {
  const Lock lock(state_->mutex);
  return state_->body_complete;
}

bool ExchangeImpl::answered() const {
  const Lock lock(state_->mutex);
  return state_->answered;
}

bool ExchangeImpl::peer_gone() const {
  const Lock lock(state_->mutex);
  return state_->peer_closed || state_->gone;
}

bool ExchangeImpl::MarkAnswered() {
  const Lock lock(state_->mutex);
  if (state_->answered || state_->gone) return false;
  state_->answered = true;
  return true;
}

bool ExchangeImpl::KeepsAlive() const {
  const RequestHead& request = state_->head;
  if (request.version >= 11) return !request.headers.HasToken("Connection", "close");
  return request.headers.HasToken("Connection", "keep-alive");
}

void ExchangeImpl::PostFlush(Lock& lock) {
  const bool post = !state_->flush_posted;
  state_->flush_posted = true;
  lock.unlock();
  if (post) OnConnection([state = state_](Connection& connection) { connection.Flush(state); });
}

// Appends to the output; false when the connection has ended.
bool ExchangeImpl::Queue(Lock& lock, std::string bytes) {
  if (state_->gone) return false;
  if (state_->out.empty()) {
    state_->out = std::move(bytes);
  } else {
    state_->out += bytes;
  }
  PostFlush(lock);
  return true;
}

void ExchangeImpl::Respond(int status, Headers headers, std::string body) {
  if (!MarkAnswered()) return;
  ResponseHead head;
  head.status = status;
  head.fields = std::move(headers);
  if (HasBody(status)) head.content_length = body.size();
  head.close = !KeepsAlive();
  std::string bytes = WriteHead(head, options_->fields);
  if (HasBody(status) && state_->head.method != "HEAD") bytes += body;
  Lock lock(state_->mutex);
  state_->finished = true;
  state_->close_after = head.close;
  (void)Queue(lock, std::move(bytes));  // a client that has gone wants no answer
}

void ExchangeImpl::StartStream(int status, Headers headers) {
  if (!MarkAnswered()) return;
  ResponseHead head;
  head.status = status;
  head.fields = std::move(headers);
  head.chunked = state_->head.version >= 11 && HasBody(status);
  head.close = !KeepsAlive() || !head.chunked;
  std::string bytes = WriteHead(head, options_->fields);
  Lock lock(state_->mutex);
  state_->streaming = true;
  state_->chunked = head.chunked;
  state_->close_after = head.close;
  (void)Queue(lock, std::move(bytes));
}

WriteState ExchangeImpl::Write(std::string_view bytes) {
  Lock lock(state_->mutex);
  if (state_->gone || !state_->streaming || state_->finished) return WriteState::kGone;
  if (state_->Unsent() > kMostBytes) {
    lock.unlock();
    Abort();
    return WriteState::kGone;
  }
  const bool full = state_->Unsent() + bytes.size() > kFullBytes;
  if (full) state_->was_full = true;
  if (bytes.empty() || state_->head.method == "HEAD") return WriteState::kOk;
  if (!Queue(lock, state_->chunked ? Chunk(bytes) : std::string(bytes))) return WriteState::kGone;
  return full ? WriteState::kFull : WriteState::kOk;
}

bool ExchangeImpl::WriteBlocking(std::string_view bytes) {
  {
    Lock lock(state_->mutex);
    const auto has_room = [&] { return state_->gone || !state_->was_full; };
    if (!has_room()) {
      // Ends a peer that takes nothing, and with it this wait.
      OnConnection([state = state_](Connection& connection) { connection.AwaitProgress(state); });
      state_->drained.wait(lock, has_room);
    }
  }
  return Write(bytes) != WriteState::kGone;
}

bool ExchangeImpl::Gone() const {
  const Lock lock(state_->mutex);
  return state_->gone;
}

Result<os::UniqueFd> ExchangeImpl::BorrowSocket() {
  auto lent = std::make_shared<std::promise<Result<os::UniqueFd>>>();
  auto future = lent->get_future();
  OnConnection([state = state_, promise = std::move(lent)](Connection& connection) {
    promise->set_value(connection.LendSocket(state));
  });
  try {
    return future.get();
  } catch (const std::future_error&) {  // the function was dropped unused: no connection, or no loop any more
    return Error(Code::kUnavailable, "the client has gone");
  }
}

bool ExchangeImpl::CopyFrom(int pipe) {
  std::string buffer(kFullBytes, '\0');
  for (;;) {
    const ssize_t n = ::read(pipe, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0;
    if (!WriteBlocking(std::string_view(buffer).substr(0, static_cast<std::size_t>(n)))) return false;
  }
}

bool ExchangeImpl::WriteFrom(int pipe) {
  if (state_->head.method == "HEAD") return CopyFrom(pipe);
  const auto socket = BorrowSocket();
  if (!socket.ok()) return !Gone() && CopyFrom(pipe);
  const Status sent = SplicePipe(pipe, socket->get(), state_->chunked, options_->write_timeout);
  if (!sent.ok()) Abort();  // a chunk may be cut
  return sent.ok();
}

void ExchangeImpl::Finish() {
  Lock lock(state_->mutex);
  if (state_->gone || !state_->streaming || state_->finished) return;
  state_->finished = true;
  (void)Queue(lock, state_->chunked && state_->head.method != "HEAD" ? "0\r\n\r\n" : "");
}

void ExchangeImpl::Abort() {
  OnConnection([state = state_](Connection& connection) { connection.Abort(state); });
}

Result<Detached> ExchangeImpl::TakeConnection() {
  const auto gone = [] { return Error(Code::kUnavailable, "take over the connection: the client has gone"); };
  if (loop_->InThread()) {
    const auto connection = connection_.lock();
    return connection ? connection->Detach(state_) : gone();
  }
  auto taken = std::make_shared<std::promise<Result<Detached>>>();
  auto future = taken->get_future();
  OnConnection([state = state_, promise = std::move(taken)](Connection& connection) {
    promise->set_value(connection.Detach(state));
  });
  try {
    return future.get();
  } catch (const std::future_error&) {  // the function was dropped unused: no connection, or no loop any more
    return gone();
  }
}

Result<Detached> ExchangeImpl::Detach(std::string_view content_type, std::chrono::milliseconds settle) {
  Detached detached = TRY(TakeConnection());
  detached.upgraded = state_->head.headers.Has("Upgrade");
  const std::string type(content_type);
  const std::string head = detached.upgraded ? "HTTP/1.1 101 UPGRADED\r\nContent-Type: " + type +
                                                   "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
                                             : "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\n\r\n";
  TRY(SendHead(detached.fd.get(), head));
  AwaitRead(detached.fd.get(), settle);
  return detached;
}

Result<os::UniqueFd> ExchangeImpl::OpenWebSocket(WebSocketOptions options) {
  os::SocketPair stream = TRY(os::MakeSocketPair(SOCK_STREAM));
  TRY(os::SetNonBlocking(stream.ours.get(), true));
  TRY(os::SetNonBlocking(stream.theirs.get(), true));
  Detached detached = TRY(TakeConnection());
  TRY(SendHead(detached.fd.get(), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Accept: " + options.accept + "\r\n\r\n"));
  auto relay = std::make_shared<WebSocketRelay>(loop_, std::move(options), std::move(detached.fd),
                                                std::move(stream.ours), std::move(detached.leftover));
  loop_->Post([relays = relays_, relay = std::move(relay)] { relays->Add(relay); });
  return std::move(stream.theirs);
}

void ExchangeImpl::OnPeerGone(std::function<void()> callback) {
  Lock lock(state_->mutex);
  if (state_->finished && !state_->peer_closed) return;
  if (state_->peer_closed || state_->gone) {
    lock.unlock();
    return loop_->Post(std::move(callback));
  }
  state_->on_peer_gone.push_back(std::move(callback));
}

void ExchangeImpl::OnDrained(std::function<void()> callback) {
  Lock lock(state_->mutex);
  if (state_->gone || !state_->was_full) {
    lock.unlock();
    return loop_->Post(std::move(callback));
  }
  state_->on_drained.push_back(std::move(callback));
}

}  // namespace estiba::http
