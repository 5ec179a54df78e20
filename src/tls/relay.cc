#include "relay.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace estiba::tls {
namespace {

using namespace std::chrono_literals;

// A record's content (RFC 8446, section 5.1).
constexpr std::size_t kPiece = 16 * 1024;
// Turns for one connection until others have theirs.
constexpr int kTurns = 32;
// For the end of a connection to arrive, and for the plain side to take what one that is gone has left.
constexpr auto kPartingPatience = 5s;
constexpr auto kLastWordsPatience = 60s;

// As Go's servers say it.
constexpr std::string_view kSpeakTls =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

}  // namespace

Relay::Relay(os::Loop& loop, os::UniqueFd socket, Session session, Events events)
    : loop_(loop), socket_(std::move(socket)), session_(std::move(session)), events_(std::move(events)) {}

Relay::~Relay() {
  loop_.Forget(socket_token_);
  loop_.Forget(plain_token_);
  loop_.Cancel(timer_);
  loop_.Cancel(again_);
}

Status Relay::Start() {
  socket_token_ = TRY(loop_.Watch(socket_.get(), EPOLLIN | EPOLLOUT,
                                  [this](std::uint32_t events) { OnSocket(events); }));
  SetDeadline(kHandshakePatience, "the handshake took too long");
  return Ok();
}

void Relay::SetDeadline(std::chrono::seconds patience, const char* what) {
  loop_.Cancel(timer_);
  timer_ = loop_.After(patience, [this, what] {
    timer_ = 0;
    End(what);
  });
}

void Relay::OnSocket(std::uint32_t events) {
  // Reset, or both directions are over. What was received is read yet.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    socket_gone_ = true;
    loop_.Forget(socket_token_);
  }
  // TLS says its own end; one of the connection itself is of the program at the other side.
  if ((events & EPOLLRDHUP) != 0) socket_gone_ = true;
  Go();
}

void Relay::OnPlain(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    plain_gone_ = true;
    loop_.Forget(plain_token_);
  }
  Go();
}

void Relay::Go() {
  if (!greeted_) Greet();
  if (ended_ || !greeted_) return;
  wants_read_ = wants_write_ = false;
  for (int turn = 0; turn < kTurns; ++turn) {
    bool moved = false;
    for (const auto step : {&Relay::DrainIn, &Relay::FillIn, &Relay::DrainOut, &Relay::FillOut, &Relay::TellEnds}) {
      const Step outcome = (this->*step)();
      if (outcome == Step::kEnded) return;
      moved = moved || outcome == Step::kMoved;
    }
    if (Finished()) return StartParting();
    if (!moved) return WatchBoth();
  }
  WatchBoth();
  // What TLS has in its own memory makes no socket readable.
  if (again_ == 0)
    again_ = loop_.After(0ns, [this] {
      again_ = 0;
      Go();
    });
}

void Relay::Greet() {
  switch (session_.Handshake()) {
    case Session::Outcome::kWantRead: return loop_.Change(socket_token_, EPOLLIN);
    case Session::Outcome::kWantWrite: return loop_.Change(socket_token_, EPOLLOUT);
    case Session::Outcome::kEnded: return End("the connection was ended amid the handshake");
    case Session::Outcome::kFailed: return Refuse();
    case Session::Outcome::kDone: break;
  }
  loop_.Cancel(timer_);
  auto plain = events_.open(session_);
  if (!plain.ok()) return End(plain.error().Message());
  plain_ = std::move(plain).value();
  auto watched = loop_.Watch(plain_.get(), 0, [this](std::uint32_t events) { OnPlain(events); });
  if (!watched.ok()) return End(watched.error().Message());
  plain_token_ = *watched;
  greeted_ = true;
}

void Relay::Refuse() {
  if (!session_.failed_by_http()) return End(session_.failure());
  (void)::send(socket_.get(), kSpeakTls.data(), kSpeakTls.size(), MSG_NOSIGNAL);  // who does not take it needs it not
  StartParting();
}

Relay::Step Relay::Fail(std::string failure) {
  End(std::move(failure));
  return Step::kEnded;
}

Relay::Step Relay::FillIn() {
  if (!in_.empty() || in_.over) return Step::kStuck;
  in_.bytes.resize(kPiece);
  std::size_t got = 0;
  const Session::Outcome outcome = session_.Read(in_.bytes, &got);
  in_.bytes.resize(got);
  switch (outcome) {
    case Session::Outcome::kDone: return Step::kMoved;
    case Session::Outcome::kWantRead: wants_read_ = true; break;
    case Session::Outcome::kWantWrite: wants_write_ = true; break;
    case Session::Outcome::kEnded: in_.over = true; return Step::kMoved;
    case Session::Outcome::kFailed: return Fail(session_.failure());
  }
  in_.bytes = {};
  if (!socket_gone_ || outcome != Session::Outcome::kWantRead) return Step::kStuck;
  in_.over = true;  // there is no more
  return Step::kMoved;
}

Relay::Step Relay::DrainIn() {
  if (in_.empty()) return Step::kStuck;
  const std::string_view pending = in_.pending();
  const ssize_t n = ::send(plain_.get(), pending.data(), pending.size(), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Step::kStuck;
  if (n < 0) {
    // Nobody reads it. What was said in the other direction before is still to be passed on.
    in_ = Way{.over = true, .told = true};
    return Step::kMoved;
  }
  in_.Take(static_cast<std::size_t>(n));
  return Step::kMoved;
}

Relay::Step Relay::FillOut() {
  if (!out_.empty() || out_.over) return Step::kStuck;
  out_.bytes.resize(kPiece);
  const ssize_t n = ::recv(plain_.get(), out_.bytes.data(), kPiece, 0);
  const int err = errno;
  out_.bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (n > 0) return Step::kMoved;
  out_.bytes = {};
  if (n < 0 && (err == EAGAIN || err == EINTR)) return Step::kStuck;
  out_.over = true;
  return Step::kMoved;
}

Relay::Step Relay::DrainOut() {
  if (out_.empty()) return Step::kStuck;
  std::size_t put = 0;
  switch (session_.Write(out_.pending(), &put)) {
    case Session::Outcome::kDone: break;
    case Session::Outcome::kWantRead: wants_read_ = true; return Step::kStuck;
    case Session::Outcome::kWantWrite: wants_write_ = true; return Step::kStuck;
    case Session::Outcome::kEnded:
    case Session::Outcome::kFailed: return Fail(session_.failure());
  }
  out_.Take(put);
  return Step::kMoved;
}

// Each side hears of the other's end once it has all that came before.
Relay::Step Relay::TellEnds() {
  Step step = Step::kStuck;
  if (in_.over && in_.empty() && !in_.told) {
    in_.told = true;
    (void)::shutdown(plain_.get(), SHUT_WR);  // it may be gone
    step = Step::kMoved;
  }
  if (out_.over && out_.empty() && !out_.told) {
    switch (session_.SayEnd()) {
      case Session::Outcome::kWantRead: wants_read_ = true; return step;
      case Session::Outcome::kWantWrite: wants_write_ = true; return step;
      default: break;  // said, or there is nobody to say it to
    }
    out_.told = true;
    step = Step::kMoved;
  }
  return step;
}

// Nothing more can come of it: both have ended, or one is gone and the other has what it had said.
bool Relay::Finished() const {
  if (socket_gone_ && in_.told) return true;
  return out_.told && (in_.told || plain_gone_);
}

// Closing a socket with unread bytes resets the connection, and the other side might lose our last ones (RFC 1122,
// section 4.2.2.13): what still comes is read away until it ends, too.
void Relay::StartParting() {
  if (socket_gone_) return End(session_.failure());
  loop_.Cancel(again_);
  (void)::shutdown(socket_.get(), SHUT_WR);
  loop_.Forget(plain_token_);
  plain_.Reset();
  SetDeadline(kPartingPatience, "");
  loop_.Forget(socket_token_);
  auto watched = loop_.Watch(socket_.get(), EPOLLIN, [this](std::uint32_t) {
    std::array<char, kPiece> bytes{};
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) End(session_.failure());
  });
  if (!watched.ok()) return End(watched.error().Message());
  socket_token_ = *watched;
}

std::uint32_t Relay::SocketEvents() const {
  std::uint32_t events = socket_gone_ ? 0U : EPOLLRDHUP;
  if (wants_read_) events |= EPOLLIN;
  if (wants_write_) events |= EPOLLOUT;
  return events;
}

std::uint32_t Relay::PlainEvents() const {
  std::uint32_t events = 0;
  if (out_.empty() && !out_.over) events |= EPOLLIN;
  if (!in_.empty()) events |= EPOLLOUT;
  return events;
}

void Relay::WatchBoth() {
  if (socket_token_ != 0) loop_.Change(socket_token_, SocketEvents());
  if (plain_token_ != 0) loop_.Change(plain_token_, PlainEvents());
  if (socket_gone_ && timer_ == 0) SetDeadline(kLastWordsPatience, "it was gone and its last words were not taken");
}

void Relay::End(std::string failure) {
  if (std::exchange(ended_, true)) return;
  loop_.Forget(socket_token_);
  loop_.Forget(plain_token_);
  loop_.Cancel(timer_);
  loop_.Cancel(again_);
  plain_.Reset();
  socket_.Reset();
  // Who is waiting below may be this object's owner.
  loop_.Defer([ended = std::move(events_.ended), failure = std::move(failure)] { ended(failure); });
}

}  // namespace estiba::tls
