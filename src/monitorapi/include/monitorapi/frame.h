#pragma once
// Messages over a SEQPACKET socket. A frame is one packet: version (2 bytes), type (2), id (4), fields. A
// request's answer has its id; a notice has id 0, or one that the engine acknowledges. A frame too big for a
// packet travels as a sealed memfd, descriptors beyond one packet's 16 in packets before it; both ends hide
// that.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitorapi/messages.h"
#include "monitorapi/tlv.h"
#include "os/fd.h"

namespace estiba::monitorapi {

inline constexpr std::uint16_t kProtocolVersion = 1;
inline constexpr std::size_t kMaxFrame = 16U << 20;
inline constexpr std::size_t kMaxDescriptors = 4096;

struct Frame {
  Type type = Type::kNone;
  std::uint32_t id = 0;
  std::string body;
  std::vector<os::UniqueFd> fds;

  template <class T>
  Result<T> Decode() const {
    return tlv::Decode<T>(body);
  }
};

// Header and fields of one frame, without descriptors: what a packet holds.
std::string EncodeFrame(Type type, std::uint32_t id, std::string_view body);
Result<Frame> DecodeFrame(std::string_view packet);

// Sends and receives frames on a non-blocking socket it owns. Sending never blocks: packets the kernel does
// not take wait in a bounded queue until Flush().
class Channel {
 public:
  explicit Channel(os::UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const { return socket_.get(); }

  // `fds` are borrowed and duplicated only if the packet has to wait. kResourceExhausted: the peer does not
  // read.
  Status Send(Type type, std::uint32_t id, std::string_view body, const std::vector<int>& fds = {});
  bool WantsWrite() const { return !queue_.empty(); }
  Status Flush();
  // The next whole frame, nothing when none waits; kUnavailable at end of file.
  Result<std::optional<Frame>> Receive();

 private:
  struct Packet {
    std::string bytes;
    std::vector<os::UniqueFd> fds;
  };
  Status SendPacket(std::string bytes, const std::vector<int>& fds);

  os::UniqueFd socket_;
  std::vector<Packet> queue_;
  std::size_t queued_ = 0;
  std::vector<os::UniqueFd> early_;  // descriptors that came before their frame
};

}  // namespace estiba::monitorapi
