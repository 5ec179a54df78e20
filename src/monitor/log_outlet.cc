#include "log_outlet.h"

#include <cerrno>
#include <chrono>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "os/inet.h"
#include "os/socket.h"
#include "outlet_format.h"

namespace estiba::monitor {
namespace {

using monitorapi::OutletKind;
using monitorapi::OutletTransport;
using namespace std::chrono_literals;

constexpr auto kRetry = 1s;
constexpr auto kLastPatience = 2s;

}  // namespace

LogOutlet::~LogOutlet() {
  loop_.Forget(token_);
  loop_.Cancel(retry_);
}

bool LogOutlet::IsStream() const {
  return config_.transport == OutletTransport::kUnixStream || config_.transport == OutletTransport::kTcp;
}

bool LogOutlet::Connect() {
  if (socket_.valid()) return true;
  const int type = IsStream() ? SOCK_STREAM : SOCK_DGRAM;
  const bool local = config_.transport == OutletTransport::kUnixDatagram ||
                     config_.transport == OutletTransport::kUnixStream;
  auto made = local ? os::ConnectUnix(config_.address, type | SOCK_NONBLOCK)
                    : os::ConnectInet(type, {config_.address, config_.port});
  if (!made.ok()) {
    answers_ = false;
    return false;
  }
  socket_ = std::move(*made);
  sent_ = false;
  if (lost_ > 0) log::Warn("entries of a container's log were lost", {{"entries", std::to_string(lost_)}});
  lost_ = 0;
  return true;
}

void LogOutlet::Disconnect() {
  loop_.Forget(token_);
  socket_.Reset();
  if (!sent_) answers_ = false;
  begun_ = 0;  // the line goes again from its start
}

void LogOutlet::Drop() {
  held_ -= waiting_.front().size();
  waiting_.pop_front();
  begun_ = 0;
}

LogOutlet::Sent LogOutlet::SendFirst() {
  const std::string& first = waiting_.front();
  const ssize_t n =
      ::send(socket_.get(), first.data() + begun_, first.size() - begun_, MSG_NOSIGNAL | MSG_DONTWAIT);
  const int err = errno;
  if (n < 0 && err == EINTR) return Sent::kAll;
  if (n < 0 && (err == EAGAIN || err == ENOBUFS || err == ENOTCONN))
    return Sent::kWaits;  // ENOTCONN: under way
  // Too long for a datagram: no later try sends it. UDP tells of the one before it that nobody was there.
  const bool only_this =
      err == EMSGSIZE || (err == ECONNREFUSED && config_.transport == OutletTransport::kUdp);
  if (n < 0 && !only_this) return Sent::kGone;
  if (n < 0) ++lost_;
  if (n >= 0) answers_ = sent_ = true;
  if (n >= 0 && IsStream()) begun_ += static_cast<std::size_t>(n);
  if (n < 0 || !IsStream() || begun_ == first.size()) Drop();
  return Sent::kAll;
}

void LogOutlet::Watch() {
  if (token_ != 0) return;
  auto watched = loop_.Watch(socket_.get(), EPOLLOUT, [this](std::uint32_t) {
    loop_.Forget(token_);
    Pump();
  });
  if (watched.ok()) token_ = *watched;
}

void LogOutlet::Pump() {
  const bool full = Full();
  while (!waiting_.empty() && Connect()) {
    const Sent sent = SendFirst();
    if (sent == Sent::kAll) continue;
    if (sent == Sent::kWaits) {
      Watch();
      break;
    }
    // Another one may be there at once, but not for ever anew.
    const bool again = sent_;
    Disconnect();
    if (!again) break;
  }
  if (!waiting_.empty() && !socket_.valid() && retry_ == 0)
    retry_ = loop_.After(kRetry, [this] {
      retry_ = 0;
      Pump();
    });
  if (full && !Full() && drained_) drained_();
}

void LogOutlet::Send(monitorapi::Stream stream, std::int64_t time, bool partial, std::string_view text) {
  const OutletEntry entry{stream, time, partial, text};
  std::string message = config_.kind == OutletKind::kJournald ? JournalMessage(config_, entry)
                                                              : SyslogMessage(config_, entry, ::getpid());
  // One read of the container's may bring more than there is room for: then it waits, and nothing of that is
  // lost.
  if (held_ + message.size() > config_.max_held && !(config_.blocks && answers_)) {
    ++lost_;
    return;
  }
  held_ += message.size();
  waiting_.push_back(std::move(message));
  if (token_ == 0 && retry_ == 0) Pump();
}

void LogOutlet::Finish() {
  const auto deadline = os::Loop::Clock::now() + kLastPatience;
  loop_.Forget(token_);
  loop_.Cancel(retry_);
  while (!waiting_.empty() && Connect()) {
    const Sent sent = SendFirst();
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - os::Loop::Clock::now()).count();
    if (sent == Sent::kGone || left <= 0) break;
    struct pollfd polled{socket_.get(), POLLOUT, 0};
    if (sent == Sent::kWaits) (void)::poll(&polled, 1, static_cast<int>(left));
  }
  lost_ += waiting_.size();
  waiting_.clear();
  held_ = 0;
  if (lost_ > 0) log::Warn("entries of a container's log were lost", {{"entries", std::to_string(lost_)}});
  lost_ = 0;
}

}  // namespace estiba::monitor
