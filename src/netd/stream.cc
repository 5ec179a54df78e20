#include "stream.h"

#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "dns/message.h"

namespace estiba::netd {
namespace {

// RFC 7766, section 6.2.3: a few seconds.
constexpr std::chrono::seconds kIdle{10};
constexpr std::size_t kMostWaiting = 16;
constexpr std::size_t kMostUnsent = 4 * dns::kMaxMessage;

}  // namespace

Stream::~Stream() {
  loop_.Forget(token_);
  loop_.Cancel(timer_);
}

Status Stream::Start() {
  token_ = TRY(loop_.Watch(socket_.get(), EPOLLIN, [this](std::uint32_t ready) { OnReady(ready); }));
  Rest();
  return Ok();
}

void Stream::OnReady(std::uint32_t ready) {
  if (ended_) return;
  if ((ready & (EPOLLERR | EPOLLHUP)) != 0) return End();
  if ((ready & EPOLLOUT) != 0) Write();
  if ((ready & EPOLLIN) != 0 && !Read()) return End();
  TakeQueries();
  Rest();
}

// False when the connection has broken.
bool Stream::Read() {
  const auto scratch = loop_.Scratch();
  const ssize_t size = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  half_closed_ = size == 0;
  received_.append(scratch.data(), static_cast<std::size_t>(size));
  return true;
}

void Stream::TakeQueries() {
  taking_ = true;
  while (!ended_ && waiting_ < kMostWaiting && to_send_.size() < kMostUnsent) {
    const auto query = dns::FirstFramed(received_);
    if (!query) break;
    std::string packet(*query);
    received_.erase(0, packet.size() + 2);
    ++waiting_;
    if (!events_.query(std::move(packet))) End();
  }
  taking_ = false;
}

void Stream::Answer(std::string_view message) {
  if (ended_) return;
  --waiting_;
  to_send_ += dns::Framed(message);
  Write();
  // Of what was read already there may be a query that had to wait.
  if (!taking_) TakeQueries();
  Rest();
}

void Stream::Write() {
  if (ended_ || to_send_.empty()) return;
  const ssize_t size = ::send(socket_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
  if (size < 0 && errno != EAGAIN && errno != EINTR) return End();
  if (size > 0) to_send_.erase(0, static_cast<std::size_t>(size));
}

// What is waited for next, and for how long.
void Stream::Rest() {
  if (ended_) return;
  if (half_closed_ && waiting_ == 0 && to_send_.empty()) return End();
  const bool reads = !half_closed_ && waiting_ < kMostWaiting && to_send_.size() < kMostUnsent;
  loop_.Change(token_, (reads ? EPOLLIN : 0U) | (to_send_.empty() ? 0U : EPOLLOUT));
  loop_.Cancel(timer_);
  timer_ = loop_.After(kIdle, [this] {
    timer_ = 0;
    End();
  });
}

void Stream::End() {
  if (ended_) return;
  ended_ = true;
  loop_.Forget(token_);
  loop_.Cancel(timer_);
  events_.closed();
}

}  // namespace estiba::netd
