#include "monitorapi/client.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "os/socket.h"

namespace estiba::monitorapi {

Result<Client> Client::Connect(const std::string& socket_path) {
  os::UniqueFd socket = TRY(os::ConnectUnix(socket_path, SOCK_SEQPACKET));
  TRY(os::SetNonBlocking(socket.get(), true));
  return Client(std::move(socket));
}

Result<std::uint32_t> Client::SendBody(Type type, const std::string& body, const std::vector<int>& fds) {
  const std::uint32_t id = next_id_++;
  if (next_id_ == 0) next_id_ = 1;
  TRY(channel_.Send(type, id, body, fds));
  return id;
}

Status Client::Acknowledge(const Frame& notice) {
  if (notice.id == 0) return Ok();
  return channel_.Send(Type::kAck, notice.id, {});
}

Result<Frame> Client::ReceiveWithin(std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    auto frame = TRY(channel_.Receive());
    if (frame) return std::move(*frame);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Error(Code::kDeadlineExceeded, "wait for the monitor's answer");
    pollfd wait{fd(), static_cast<short>(POLLIN | (WantsWrite() ? POLLOUT : 0)), 0};
    const auto milliseconds = static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000));
    if (::poll(&wait, 1, milliseconds) < 0 && errno != EINTR)
      return Error::Errno(errno, "wait for the monitor");
    if (WantsWrite()) TRY(Flush());
  }
}

Result<Frame> Client::Await(std::uint32_t id, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    Frame frame = TRY(ReceiveWithin(deadline));
    if (frame.type >= Type::kNoticeStarted) {
      kept_.push_back(std::move(frame));
      continue;
    }
    if (frame.id != id) continue;
    if (frame.type != Type::kFailure) return frame;
    const auto failure = TRY(frame.Decode<Failure>());
    return failure.ToError();
  }
}

Result<Frame> Client::AwaitNotice(Type type, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    Frame frame;
    if (kept_.empty()) {
      frame = TRY(ReceiveWithin(deadline));
    } else {
      frame = std::move(kept_.front());
      kept_.erase(kept_.begin());
    }
    if (frame.type == type) return frame;
  }
}

Result<std::optional<Frame>> Client::Receive() {
  if (kept_.empty()) return channel_.Receive();
  Frame frame = std::move(kept_.front());
  kept_.erase(kept_.begin());
  return std::optional<Frame>(std::move(frame));
}

}  // namespace estiba::monitorapi
