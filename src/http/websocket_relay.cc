#include "websocket_relay.h"

#include <cerrno>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace estiba::http {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
// With more than this on its way to one side, the other is not read.
constexpr std::size_t kFull = 64 * 1024;
// How long a client has to take what is left and to answer a Close frame.
constexpr std::chrono::seconds kFarewell{10};

}  // namespace

WebSocketRelay::WebSocketRelay(Loop* loop, WebSocketOptions options, os::UniqueFd client, os::UniqueFd stream,
                               std::string leftover)
    : loop_(loop),
      options_(std::move(options)),
      client_(std::move(client)),
      stream_(std::move(stream)),
      leftover_(std::move(leftover)) {}

WebSocketRelay::~WebSocketRelay() = default;

void WebSocketRelay::Start(std::function<void(const std::shared_ptr<WebSocketRelay>&)> over) {
  over_ = std::move(over);
  const auto self = shared_from_this();
  const auto watch = [&](int fd, void (WebSocketRelay::*on)(std::uint32_t)) {
    return loop_->AddFd(fd, EPOLLIN, [weak = std::weak_ptr(self), on](std::uint32_t events) {
      if (const auto relay = weak.lock()) ((*relay).*on)(events);
    });
  };
  if (!watch(client_.get(), &WebSocketRelay::OnClient).ok()) {
    client_.Reset();
    return End();
  }
  if (!watch(stream_.get(), &WebSocketRelay::OnStream).ok()) {
    stream_.Reset();
    return End();
  }
  Take(std::exchange(leftover_, {}));
  Go();
}

void WebSocketRelay::End() {
  if (std::exchange(ended_, true)) return;
  const auto self = shared_from_this();
  DropStream();
  if (timer_ != 0) loop_->CancelTimer(timer_);
  if (client_.valid()) loop_->RemoveFd(client_.get());
  client_.Reset();
  if (const auto over = std::exchange(over_, nullptr)) over(self);
}

void WebSocketRelay::DropStream() {
  if (!stream_.valid()) return;
  loop_->RemoveFd(stream_.get());
  stream_.Reset();
  to_stream_.clear();
}

void WebSocketRelay::OnClient(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !ReadClient()) return End();
  Go();
}

void WebSocketRelay::OnStream(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !ReadStream()) {
    DropStream();
    BeginClose(kCloseNormal);
  }
  Go();
}

// False when the client has gone: without a Close frame there is nobody to say goodbye to.
bool WebSocketRelay::ReadClient() {
  char buffer[kPiece];
  const ssize_t n = ::recv(client_.get(), buffer, sizeof buffer, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  Take({buffer, static_cast<std::size_t>(n)});
  return true;
}

void WebSocketRelay::Take(std::string_view bytes) {
  for (WebSocketReader::Event& event : reader_.Feed(bytes)) {
    if (event.opcode == Opcode::kPing && !close_sent_) to_client_ += WebSocketFrame(Opcode::kPong, event.bytes);
    if (event.opcode == Opcode::kBinary && stream_.valid()) to_stream_ += event.bytes;
    if (event.opcode == Opcode::kClose) {
      close_seen_ = true;
      BeginClose(event.code);
    }
  }
  if (reader_.violation() != 0) {
    close_seen_ = true;  // what comes behind it cannot be understood
    BeginClose(reader_.violation());
  }
}

// False at its end.
bool WebSocketRelay::ReadStream() {
  char buffer[kPiece];
  const ssize_t n = ::read(stream_.get(), buffer, sizeof buffer);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  if (close_sent_) return true;  // nothing comes behind a Close frame
  const std::string_view bytes(buffer, static_cast<std::size_t>(n));
  const std::string payload = options_.payload ? options_.payload(bytes) : std::string(bytes);
  if (!payload.empty()) to_client_ += WebSocketFrame(options_.text ? Opcode::kText : Opcode::kBinary, payload);
  return true;
}

void WebSocketRelay::BeginClose(std::uint16_t code) {
  if (std::exchange(close_sent_, true)) return;
  to_client_ += CloseFrame(code);
  AwaitEnd();
}

// As long as the client takes something.
void WebSocketRelay::AwaitEnd() {
  timer_ = loop_->AddTimer(kFarewell, [weak = weak_from_this(), before = to_client_.size()] {
    const auto relay = weak.lock();
    if (!relay) return;
    if (relay->to_client_.size() >= before) return relay->End();
    relay->AwaitEnd();
  });
}

// False when nobody takes it any more.
bool WebSocketRelay::Send(int fd, std::string& from) {
  while (!from.empty()) {
    const ssize_t n = ::send(fd, from.data(), from.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    from.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

void WebSocketRelay::Go() {
  if (ended_) return;
  // Nobody reads what is typed any more, and output may still come.
  if (stream_.valid() && !Send(stream_.get(), to_stream_)) to_stream_.clear();
  // What was typed before a Close frame arrives; then the stream ends for whoever reads it.
  if (close_sent_ && to_stream_.empty()) DropStream();
  if (!Send(client_.get(), to_client_)) return End();
  if (close_sent_ && close_seen_ && to_client_.empty() && !stream_.valid()) return End();
  Watch();
}

void WebSocketRelay::Watch() {
  const bool takes_input = to_stream_.size() < kFull && to_client_.size() < kFull;
  const std::uint32_t client = (takes_input ? EPOLLIN : 0U) | (to_client_.empty() ? 0U : EPOLLOUT);
  if (!loop_->ChangeFd(client_.get(), client).ok()) return End();
  if (!stream_.valid()) return;
  const bool takes_output = to_client_.size() < kFull && !close_sent_;
  const std::uint32_t stream = (takes_output ? EPOLLIN : 0U) | (to_stream_.empty() ? 0U : EPOLLOUT);
  if (!loop_->ChangeFd(stream_.get(), stream).ok()) return End();
}

void WebSocketRelays::Add(std::shared_ptr<WebSocketRelay> relay) {
  if (ended_) return;
  relays_.insert(relay);
  relay->Start([this](const std::shared_ptr<WebSocketRelay>& over) { relays_.erase(over); });
}

void WebSocketRelays::EndAll() {
  ended_ = true;
  while (!relays_.empty()) {
    const std::shared_ptr<WebSocketRelay> relay = *relays_.begin();
    relay->End();
  }
}

}  // namespace estiba::http
