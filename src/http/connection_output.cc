// The sending half of Connection.
#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>

#include "connection.h"
#include "response_head.h"

namespace estiba::http {

// Takes what the exchange has written; true when it was the last. All of it at once is fine: kMostBytes bounds it.
bool Connection::TakeOutput() {
  const std::lock_guard lock(state_->mutex);
  state_->flush_posted = false;
  state_->in_flight += state_->out.size();
  if (out_.empty()) {
    out_.swap(state_->out);
  } else {
    out_ += state_->out;
  }
  state_->out.clear();
  return state_->finished;
}

void Connection::Flush(const std::shared_ptr<ExchangeState>& state) {
  if (phase_ == Phase::kClosed || state != state_) return;
  const bool finished = TakeOutput();
  Send();
  if (phase_ == Phase::kClosed) return;
  if (finished && out_sent_ < out_.size()) WatchWriting();
  UpdateEvents();
}

void Connection::AwaitProgress(const std::shared_ptr<ExchangeState>& state) {
  if (phase_ != Phase::kClosed && state == state_) WatchWriting();
}

// Looks once a timeout whether bytes have left since: whoever takes none is cut off after one to two of them.
void Connection::WatchWriting() {
  if (write_timer_ != 0) return;
  write_timer_ = host_->loop->AddTimer(host_->options->write_timeout, [self = weak_from_this(), before = sent_] {
    if (auto connection = self.lock()) connection->OnWritingChecked(before);
  });
}

void Connection::OnWritingChecked(std::uint64_t sent_before) {
  write_timer_ = 0;
  if (phase_ == Phase::kClosed || out_sent_ == out_.size()) return;
  if (sent_ == sent_before) return Close();
  WatchWriting();
}

void Connection::Send() {
  while (out_sent_ < out_.size()) {
    const ssize_t n = ::send(fd_.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return Close();
    }
    out_sent_ += static_cast<std::size_t>(n);
    sent_ += static_cast<std::uint64_t>(n);
    CountSent(static_cast<std::size_t>(n));
  }
  if (out_sent_ < out_.size()) {
    if (out_sent_ >= kFullBytes) {
      out_.erase(0, out_sent_);
      out_sent_ = 0;
    }
    return;
  }
  out_.clear();
  out_sent_ = 0;
  if (phase_ == Phase::kLinger) {
    (void)::shutdown(fd_.get(), SHUT_WR);
    return;
  }
  bool answer_sent = false;
  if (state_ && phase_ == Phase::kAnswer) {
    const std::lock_guard lock(state_->mutex);
    answer_sent = state_->finished && state_->Unsent() == 0;
  }
  if (answer_sent) OnAnswerSent();
}

// Tells the exchange that its bytes have left, and wakes whoever waits for room.
void Connection::CountSent(std::size_t bytes) {
  const std::size_t foreign = std::min(bytes, out_foreign_);
  out_foreign_ -= foreign;
  bytes -= foreign;
  if (!state_ || bytes == 0) return;
  std::vector<std::function<void()>> callbacks;
  const auto state = state_;
  {
    const std::lock_guard lock(state->mutex);
    state->in_flight -= std::min(bytes, state->in_flight);
    if (!state->was_full || state->Unsent() > kFullBytes / 2) return;
    state->was_full = false;
    callbacks.swap(state->on_drained);
  }
  state->drained.notify_all();
  for (const auto& callback : callbacks) callback();
}

// The answer is out: the next request, or the end.
void Connection::OnAnswerSent() {
  const bool request_read = parser_->done();
  bool close = !keep_alive_;
  {
    const std::lock_guard lock(state_->mutex);
    close = close || state_->close_after;
    state_->gone = true;
    state_->on_peer_gone.clear();
  }
  ClosePipe(/*complete=*/request_read);
  body_pending_.clear();
  body_dropped_ = false;
  piping_ = false;
  state_.reset();
  if (!request_read) return Linger();
  if (close) return Linger();
  phase_ = Phase::kIdle;
  parser_.reset();
  SetDeadline(host_->options->idle_timeout, &Connection::Close);
  if (in_.empty() && input_ended_) return Close();
  if (in_.empty()) return;
  // A pipelined request: parsed from the loop, so that a long pipeline does not nest.
  host_->loop->Post([self = weak_from_this()] {
    if (auto connection = self.lock()) connection->ParseNext();
  });
}

void Connection::ParseNext() {
  if (phase_ != Phase::kIdle) return;
  Parse();
  if (input_ended_ && (phase_ == Phase::kHead || phase_ == Phase::kBody))
    return Close();  // the last one was cut
  if (phase_ != Phase::kClosed) UpdateEvents();
}

void Connection::Abort(const std::shared_ptr<ExchangeState>& state) {
  if (state == state_) Close();
}

void Connection::FailUnanswered(const std::shared_ptr<ExchangeState>& state) {
  if (state == state_ && phase_ == Phase::kAnswer) Refuse(500, "the request was dropped without an answer");
}

Result<os::UniqueFd> Connection::LendSocket(const std::shared_ptr<ExchangeState>& state) {
  Flush(state);
  if (phase_ != Phase::kAnswer || state != state_ || out_sent_ < out_.size())
    return Error(Code::kUnavailable, "write to the client: it has gone, or takes nothing yet");
  os::UniqueFd lent(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!lent.valid()) return Error::Errno(errno, "write to the client");
  return lent;
}

Result<Detached> Connection::Detach(const std::shared_ptr<ExchangeState>& state) {
  if (phase_ != Phase::kAnswer || state != state_ || piping_) {
    return Error(Code::kUnavailable, "take over the connection: the client has gone");
  }
  const auto self = shared_from_this();
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->answered)
      return Error(Code::kFailedPrecondition, "take over the connection: already answered");
    state_->answered = true;
    state_->gone = true;
    state_->on_peer_gone.clear();
  }
  ClearDeadline();
  host_->loop->CancelTimer(write_timer_);
  host_->loop->RemoveFd(fd_.get());
  Detached detached{std::move(fd_), std::move(in_), /*upgraded=*/false};
  detached.leftover.shrink_to_fit();
  phase_ = Phase::kClosed;
  state_.reset();
  host_->forget(this);
  return detached;
}

}  // namespace estiba::http
