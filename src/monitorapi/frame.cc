#include "monitorapi/frame.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "os/memfd.h"
#include "os/socket.h"

namespace estiba::monitorapi {
namespace {

// Packets of the transport itself, never seen outside.
constexpr auto kMoreDescriptors = static_cast<Type>(90);  // descriptors of the next frame
constexpr auto kLarge = static_cast<Type>(91);  // the last descriptor is a memfd with the frame's packet

constexpr std::size_t kHeader = 8;
constexpr std::size_t kMaxPacket = 64U << 10;  // well below the smallest socket buffer
constexpr std::size_t kPacketDescriptors = 16;
constexpr std::size_t kMaxQueued = 4U << 20;

std::uint32_t Little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  return value;
}

void AppendLittle(std::string& out, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

// The packet in a memfd that came as a descriptor.
Result<std::string> ReadLarge(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) < 0) return Error::Errno(errno, "stat a large message");
  if (!S_ISREG(info.st_mode) || info.st_size < 0 || static_cast<std::size_t>(info.st_size) > kMaxFrame)
    return Error(Code::kDataLoss, "receive a large message: not a file of at most 16 MiB");
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::Errno(n == 0 ? EIO : errno, "read a large message");
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

}  // namespace

std::string EncodeFrame(Type type, std::uint32_t id, std::string_view body) {
  std::string packet;
  packet.reserve(kHeader + body.size());
  AppendLittle(packet, kProtocolVersion, 2);
  AppendLittle(packet, static_cast<std::uint32_t>(type), 2);
  AppendLittle(packet, id, 4);
  packet += body;
  return packet;
}

Result<Frame> DecodeFrame(std::string_view packet) {
  if (packet.size() < kHeader) return Error(Code::kDataLoss, "decode a message: it has no header");
  // A later version only adds types and tags, which the receiver skips or refuses one by one.
  if (Little(packet, 0, 2) == 0) return Error(Code::kDataLoss, "decode a message: version 0");
  Frame frame;
  frame.type = static_cast<Type>(Little(packet, 2, 2));
  frame.id = Little(packet, 4, 4);
  frame.body = packet.substr(kHeader);
  TRY(tlv::Check(frame.body));
  return frame;
}

Status Channel::Send(Type type, std::uint32_t id, std::string_view body, const std::vector<int>& fds) {
  std::vector<int> last = fds;
  while (last.size() >= kPacketDescriptors) {  // one place is kept for a memfd
    const auto cut = last.begin() + static_cast<std::ptrdiff_t>(kPacketDescriptors);
    TRY(SendPacket(EncodeFrame(kMoreDescriptors, 0, {}), std::vector<int>(last.begin(), cut)));
    last.erase(last.begin(), cut);
  }
  std::string packet = EncodeFrame(type, id, body);
  if (packet.size() <= kMaxPacket) return SendPacket(std::move(packet), last);
  if (packet.size() > kMaxFrame) return Error(Code::kResourceExhausted, "send a message of more than 16 MiB");
  const os::UniqueFd memfd = TRY(os::MakeSealedMemfd("estiba-message", packet));
  last.push_back(memfd.get());
  return SendPacket(EncodeFrame(kLarge, 0, {}), last);
}

Status Channel::SendPacket(std::string bytes, const std::vector<int>& fds) {
  if (queue_.empty()) {
    auto sent = os::SendMessage(socket_.get(), bytes, fds);
    if (sent.ok() || sent.error().errnum() != EAGAIN) return sent;
  }
  if (queued_ + bytes.size() > kMaxQueued)
    return Error(Code::kResourceExhausted, "send a message: the peer does not read");
  Packet packet;
  for (const int fd : fds) packet.fds.push_back(TRY(os::Duplicate(fd)));
  queued_ += bytes.size();
  packet.bytes = std::move(bytes);
  queue_.push_back(std::move(packet));
  return Ok();
}

Status Channel::Flush() {
  std::size_t done = 0;
  Status result = Ok();
  for (; done < queue_.size(); ++done) {
    std::vector<int> fds;
    for (const auto& fd : queue_[done].fds) fds.push_back(fd.get());
    auto sent = os::SendMessage(socket_.get(), queue_[done].bytes, fds);
    if (!sent.ok()) {
      if (sent.error().errnum() != EAGAIN) result = std::move(sent);
      break;
    }
    queued_ -= queue_[done].bytes.size();
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(done));
  return result;
}

Result<std::optional<Frame>> Channel::Receive() {
  for (;;) {
    auto message = os::ReceiveMessage(socket_.get(), kMaxPacket);
    if (!message.ok()) {
      if (message.error().errnum() == EAGAIN) return std::optional<Frame>();
      return std::move(message).error();
    }
    if (message->bytes.empty() && message->fds.empty())
      return Error(Code::kUnavailable, "the peer has closed the socket");
    Frame frame = TRY(DecodeFrame(message->bytes));
    if (early_.size() + message->fds.size() > kMaxDescriptors)
      return Error(Code::kResourceExhausted, "receive a message: too many descriptors");
    for (auto& fd : message->fds) early_.push_back(std::move(fd));
    if (frame.type == kMoreDescriptors) continue;
    if (frame.type == kLarge) {
      if (early_.empty()) return Error(Code::kDataLoss, "receive a large message: its memfd is missing");
      const os::UniqueFd memfd = std::move(early_.back());
      early_.pop_back();
      const std::string packet = TRY(ReadLarge(memfd.get()));
      frame = TRY(DecodeFrame(packet));
    }
    frame.fds = std::exchange(early_, {});
    return std::optional<Frame>(std::move(frame));
  }
}

}  // namespace estiba::monitorapi
