#include "connection.h"

#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "response_head.h"

namespace estiba::http {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kPipePending = 256 * 1024;
constexpr std::chrono::milliseconds kLingerTime{3000};
constexpr std::uint64_t kLingerBytes = 256U << 20;

}  // namespace

Connection::Connection(Host* host, os::UniqueFd fd) : host_(host), fd_(std::move(fd)) {}
Connection::~Connection() = default;

Status Connection::Start() {
  if (auto peer = os::GetPeer(fd_.get()); peer.ok()) peer_ = *peer;  // TCP has none
  events_ = EPOLLIN | EPOLLRDHUP;
  TRY(host_->loop->AddFd(fd_.get(), events_, [self = weak_from_this()](std::uint32_t events) {
    if (auto connection = self.lock()) connection->OnEvents(events);
  }));
  SetDeadline(host_->options->idle_timeout, &Connection::Close);
  return Ok();
}

void Connection::OnEvents(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0U && phase_ != Phase::kHead && phase_ != Phase::kBody &&
      phase_ != Phase::kIdle) {
    return Close();  // both directions are over
  }
  if ((events & EPOLLOUT) != 0U) Send();
  if (phase_ == Phase::kClosed) return;
  if (WantsInput()) {
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0U) ReadMore();
  } else if ((events & EPOLLRDHUP) != 0U) {
    OnPeerShutdown();
  }
  if (phase_ != Phase::kClosed) UpdateEvents();
}

// As Go's server has it: a client that shuts down its side is told to the handler as gone, yet still
// answered.
void Connection::OnPeerShutdown() {
  peer_shut_ = true;
  // Behind a streamed body the shutdown only says that the body was all; it may not even be read yet.
  if (piping_ && phase_ == Phase::kAnswer && !input_ended_) return;
  MarkPeerGone();
}

bool Connection::WantsInput() const {
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody: return !input_ended_;
    case Phase::kAnswer:
      return piping_ && !input_ended_ && !parser_->done() && body_pending_.size() < kPipePending;
    case Phase::kLinger: return true;
    case Phase::kClosed: return false;
  }
  return false;
}

void Connection::UpdateEvents() {
  std::uint32_t wanted = WantsInput() ? EPOLLIN : 0U;
  if (!peer_shut_) wanted |= EPOLLRDHUP;
  if (out_sent_ < out_.size()) wanted |= EPOLLOUT;
  if (wanted == events_) return;
  events_ = wanted;
  if (!host_->loop->ChangeFd(fd_.get(), wanted).ok()) Close();
}

// Beside a head a descriptor may come: the first of them counts. Anywhere else the kernel closes what comes.
ssize_t Connection::Receive(char* buffer, std::size_t size) {
  const bool in_head = phase_ == Phase::kIdle || phase_ == Phase::kHead;
  if (!in_head) return ::recv(fd_.get(), buffer, size, 0);
  os::UniqueFd passed;
  const ssize_t n = os::ReceiveBytes(fd_.get(), buffer, size, &passed);
  if (passed.valid() && !passed_.valid()) passed_ = std::move(passed);
  return n;
}

void Connection::ReadMore() {
  char buffer[kReadSize];
  const ssize_t n = Receive(buffer, sizeof buffer);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return Close();
  }
  if (phase_ == Phase::kLinger) {
    lingered_ += static_cast<std::uint64_t>(n);
    if (n == 0 || lingered_ > kLingerBytes) Close();
    return;
  }
  if (n == 0) {
    input_ended_ = true;
    if (phase_ == Phase::kIdle && !in_.empty()) return;  // pipelined requests wait for ParseNext()
    if (phase_ != Phase::kAnswer)
      return Close();  // between requests, or a request that was cut: nobody to answer
    ClosePipe(/*complete=*/false);
    return OnPeerShutdown();
  }
  in_.append(buffer, static_cast<std::size_t>(n));
  Parse();
}

// Parses what was read; at most one request is under way.
void Connection::Parse() {
  while (!in_.empty() && (phase_ == Phase::kIdle || phase_ == Phase::kHead || phase_ == Phase::kBody ||
                          (phase_ == Phase::kAnswer && piping_ && !parser_->done()))) {
    if (phase_ == Phase::kIdle) {
      phase_ = Phase::kHead;
      parser_ = std::make_unique<RequestParser>(host_->options->max_head);
      SetDeadline(host_->options->head_timeout, &Connection::OnSlowHead);
    }
    auto used = parser_->Feed(in_);
    if (!used.ok()) {
      const Code code = used.error().code();
      const int status = code == Code::kOutOfRange ? 431 : code == Code::kNotImplemented ? 505 : 400;
      return Refuse(status, used.error().Message());
    }
    in_.erase(0, *used);
    if (phase_ == Phase::kHead) {
      if (!parser_->head_done()) return;
      if (!OnHead()) return;
    } else {
      OnBodyBytes();
    }
    if (phase_ == Phase::kClosed || phase_ == Phase::kLinger) return;
    if (parser_->done()) return OnRequestDone();
    if (*used != 0) continue;
    if (in_.size() > host_->options->max_head)
      Refuse(400, "malformed chunk");  // a chunk's head has no own limit
    return;
  }
}

// The head is there: decides where the body goes. False when the request was refused.
bool Connection::OnHead() {
  keep_alive_ = parser_->keep_alive();
  state_ = std::make_shared<ExchangeState>();
  state_->head = parser_->head();
  state_->peer = peer_;
  state_->passed = std::move(passed_);
  piping_ = host_->options->body_mode && host_->options->body_mode(state_->head) == BodyMode::kPipe;
  const std::size_t limit = host_->options->max_body;
  if (!piping_ && parser_->content_length().value_or(0) > limit) {
    Refuse(413, "request body too large: the limit is " + std::to_string(limit) + " bytes");
    return false;
  }
  if (parser_->expects_continue() && !parser_->done() && in_.empty()) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    out_ += kContinue;
    out_foreign_ += kContinue.size();
    Send();
    if (phase_ == Phase::kClosed) return false;
  }
  SetDeadline(host_->options->body_timeout, &Connection::OnSlowBody);
  phase_ = Phase::kBody;
  if (piping_) StartPipe();
  return phase_ == Phase::kBody || phase_ == Phase::kAnswer;
}

void Connection::OnBodyBytes() {
  std::string bytes = parser_->TakeBody();
  if (!bytes.empty()) SetDeadline(host_->options->body_timeout, &Connection::OnSlowBody);
  if (piping_) {
    if (!body_dropped_) body_pending_ += bytes;
    return PumpPipe();
  }
  if (state_->body.size() + bytes.size() > host_->options->max_body) {
    return Refuse(
        413, "request body too large: the limit is " + std::to_string(host_->options->max_body) + " bytes");
  }
  state_->body += bytes;
}

void Connection::OnRequestDone() {
  ClearDeadline();
  if (piping_) return PumpPipe();
  Dispatch();
}

void Connection::Dispatch() {
  phase_ = Phase::kAnswer;
  ClearDeadline();
  if (peer_shut_) MarkPeerGone();
  if (!host_->dispatch(shared_from_this(), state_)) Refuse(503, "too many requests at once");
}

void Connection::StartPipe() {
  // A socket pair rather than a pipe: writing to it never raises SIGPIPE.
  auto pair = os::MakeSocketPair(SOCK_STREAM);
  if (!pair.ok() || !os::SetNonBlocking(pair->ours.get(), true).ok()) {
    return Refuse(503, "no descriptors left for the request's body");
  }
  (void)::shutdown(pair->theirs.get(), SHUT_WR);
  body_writer_ = std::move(pair->ours);
  state_->body_pipe = std::move(pair->theirs);
  Dispatch();
  if (phase_ == Phase::kAnswer) SetDeadline(host_->options->body_timeout, &Connection::OnSlowBody);
}

// Moves body bytes on; ends the pipe when the body has.
void Connection::PumpPipe() {
  while (!body_pending_.empty() && !body_dropped_) {
    const ssize_t n = ::send(body_writer_.get(), body_pending_.data(), body_pending_.size(), MSG_NOSIGNAL);
    if (n > 0) {
      body_pending_.erase(0, static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      if (body_watched_) return;
      body_watched_ = host_->loop
                          ->AddFd(body_writer_.get(), EPOLLOUT,
                                  [self = weak_from_this()](std::uint32_t) {
                                    auto connection = self.lock();
                                    if (!connection) return;
                                    connection->OnPipeRoom();
                                  })
                          .ok();
      if (!body_watched_) return Close();
      // The reader is slow, not the client: its time does not run.
      return ClearDeadline();
    } else if (n < 0 && errno != EINTR) {
      body_dropped_ = true;  // the handler wants no more of it
    }
  }
  if (body_watched_) {
    host_->loop->RemoveFd(body_writer_.get());
    body_watched_ = false;
  }
  if (body_dropped_) body_pending_.clear();
  if (parser_->done()) ClosePipe(/*complete=*/true);
}

void Connection::OnPipeRoom() {
  PumpPipe();
  if (body_writer_.valid() && !body_watched_)
    SetDeadline(host_->options->body_timeout, &Connection::OnSlowBody);
  if (phase_ != Phase::kClosed) Parse();
  if (phase_ != Phase::kClosed) UpdateEvents();
}

void Connection::ClosePipe(bool complete) {
  if (!body_writer_.valid()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->body_complete = complete;
  }
  if (body_watched_) host_->loop->RemoveFd(body_writer_.get());
  body_watched_ = false;
  body_writer_.Reset();
  ClearDeadline();
}

void Connection::OnSlowHead() { Refuse(408, "the request's head took too long"); }
void Connection::OnSlowBody() { Refuse(408, "the request's body stopped coming"); }

void Connection::Refuse(int status, std::string_view message) {
  if (phase_ == Phase::kClosed) return;
  bool answered = false;
  if (state_) {
    const std::lock_guard lock(state_->mutex);
    answered = state_->answered;
    state_->answered = true;
    if (!answered) state_->gone = true;
  }
  if (answered) return Close();  // too late for an error; the client sees a cut answer
  ClosePipe(/*complete=*/false);
  MarkPeerGone();
  state_.reset();
  ResponseHead head;
  head.status = status;
  head.fields.Set("Content-Type", "application/json");
  const std::string body = ErrorJson(message);
  head.content_length = body.size();
  head.close = true;
  out_ += WriteHead(head, host_->options->fields) + body;
  keep_alive_ = false;
  Linger();
}

// Ends our side and swallows what the client still sends, so that it reads the answer instead of a reset.
void Connection::Linger() {
  phase_ = Phase::kLinger;
  in_.clear();
  SetDeadline(kLingerTime, &Connection::Close);
  Send();
  if (phase_ != Phase::kClosed) UpdateEvents();
}

void Connection::CloseIfIdle() {
  if (phase_ == Phase::kIdle) Close();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  ClosePipe(/*complete=*/false);
  ClearDeadline();
  host_->loop->CancelTimer(write_timer_);
  phase_ = Phase::kClosed;
  host_->loop->RemoveFd(fd_.get());
  fd_.Reset();
  if (state_) {
    {
      const std::lock_guard lock(state_->mutex);
      state_->gone = true;
    }
    MarkPeerGone();
    std::vector<std::function<void()>> drained;
    {
      const std::lock_guard lock(state_->mutex);
      drained.swap(state_->on_drained);
    }
    state_->drained.notify_all();
    for (const auto& callback : drained) callback();
    state_.reset();
  }
  host_->forget(this);
}

void Connection::MarkPeerGone() {
  if (!state_) return;
  std::vector<std::function<void()>> callbacks;
  const auto state = state_;
  {
    const std::lock_guard lock(state->mutex);
    if (state->peer_closed && state->on_peer_gone.empty()) return;
    state->peer_closed = true;
    callbacks.swap(state->on_peer_gone);
  }
  for (const auto& callback : callbacks) callback();
}

void Connection::SetDeadline(std::chrono::milliseconds delay, void (Connection::*on_expiry)()) {
  ClearDeadline();
  timer_ = host_->loop->AddTimer(delay, [self = weak_from_this(), on_expiry] {
    if (auto connection = self.lock()) {
      connection->timer_ = 0;
      ((*connection).*on_expiry)();
    }
  });
}

void Connection::ClearDeadline() {
  if (timer_ != 0) host_->loop->CancelTimer(timer_);
  timer_ = 0;
}

}  // namespace estiba::http
