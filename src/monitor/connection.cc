#include "connection.h"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace estiba::monitor {

Connection::Connection(os::Loop& loop, os::UniqueFd socket, Events events)
    : loop_(loop), socket_(std::move(socket)), events_(std::move(events)) {}

Connection::~Connection() { loop_.Forget(token_); }

Status Connection::Start() {
  TRY(os::SetNonBlocking(socket_.get(), true));
  token_ = TRY(loop_.Watch(socket_.get(), 0, [this](std::uint32_t events) { OnEvents(events); }));
  return Ok();
}

void Connection::OnEvents(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) return Lose();
  if ((events & EPOLLOUT) != 0) Send();
  if (gone_) return;
  if ((events & EPOLLHUP) != 0) return OnHangUp();
  if ((events & EPOLLIN) != 0) ReadInput();
}

// Both directions are over, but what the client sent before is still to be read, if not now then when there is
// room for it. A hang-up is reported for as long as the socket is watched.
void Connection::OnHangUp() {
  hung_up_ = true;
  loop_.Forget(token_);
  out_ = {};
  sent_ = 0;
  if (!events_.input || input_ended_ || finishing_) return Lose();
  ReadInput();
  if (!gone_ && events_.drained) events_.drained();
}

void Connection::ReadInput() {
  // A bounded share of the round, unless this is the rest of a closed connection.
  for (int round = 0; want_input_ && !gone_ && !input_ended_ && (hung_up_ || round < 4); ++round) {
    const auto buffer = loop_.Scratch();
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && !hung_up_) break;
    if (n <= 0) {
      EndInput();
      break;
    }
    events_.input(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  }
  if (hung_up_ && input_ended_ && !gone_) Lose();
}

void Connection::EndInput() {
  input_ended_ = true;
  Rewatch();
  if (events_.input_end) events_.input_end();
}

void Connection::WantInput(bool on) {
  if (gone_ || finishing_ || want_input_ == on) return;
  want_input_ = on;
  if (hung_up_ && on) {
    loop_.Defer([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) ReadInput();
    });
    return;
  }
  Rewatch();
}

void Connection::Rewatch() {
  std::uint32_t events = 0;
  if (want_input_ && !input_ended_) events |= EPOLLIN;
  if (pending() > 0) events |= EPOLLOUT;
  loop_.Change(token_, events);
}

void Connection::Write(std::string_view bytes) {
  if (gone_ || finishing_ || hung_up_) return;
  const bool idle = pending() == 0;
  if (idle) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return Lose();
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    if (bytes.empty()) return;
  }
  out_ += bytes;
  if (idle) Rewatch();
}

void Connection::Send() {
  while (pending() > 0) {
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, pending(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (sent_ > out_.size() / 2) out_.erase(0, std::exchange(sent_, 0));
      return;
    }
    if (n <= 0) return Lose();
    sent_ += static_cast<std::size_t>(n);
  }
  sent_ = 0;
  out_ = {};  // gives the memory back
  Rewatch();
  if (finishing_) return Lose();
  if (events_.drained) events_.drained();
}

void Connection::Finish() {
  if (gone_) return;
  finishing_ = true;
  want_input_ = false;
  if (pending() == 0) return Lose();
  Rewatch();
}

void Connection::Lose() {
  if (gone_) return;
  gone_ = true;
  loop_.Forget(token_);
  out_ = {};
  sent_ = 0;
  // Even if the engine still holds its copy of the descriptor, the client sees the end now.
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (!input_ended_ && events_.input && events_.input_end) {
    input_ended_ = true;
    events_.input_end();
  }
  if (events_.gone) events_.gone();
}

}  // namespace estiba::monitor
