#pragma once
// The server's half of RFC 6455: the handshake and frames. No extensions, no subprotocols.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace estiba::http {

// What Sec-WebSocket-Accept is to be the hash of (in base64; SHA-1). kInvalidArgument: the request does not ask for a
// WebSocket of version 13.
Result<std::string> WebSocketChallenge(const RequestHead& head);

enum class Opcode : std::uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

// Codes of section 7.4.1.
inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseProtocolError = 1002;

std::string WebSocketFrame(Opcode opcode, std::string_view payload);
// A Close frame; `code` 0: without one.
std::string CloseFrame(std::uint16_t code);

// Reads what a client sends. Data comes out piece by piece, whatever a frame's size, so that nothing but control frames
// is held.
class WebSocketReader {
 public:
  struct Event {
    Opcode opcode;           // kBinary for all data, kClose, kPing or kPong
    std::string bytes;       // of a ping or pong, what it carries; of a close nothing
    std::uint16_t code = 0;  // of a close; 0 when it has none
  };
  // What `bytes` complete or carry on. Nothing any more after a Close frame or a violation.
  std::vector<Event> Feed(std::string_view bytes);
  // The code to close with when the client has broken the protocol, else 0.
  std::uint16_t violation() const { return violation_; }

 private:
  std::size_t HeadSize() const;
  bool IsMaskedAndPlain() const;
  bool ReadHead();
  bool StartFrame(bool last, std::uint64_t size);
  std::string Unmask(std::string_view bytes);
  void EndFrame(std::vector<Event>& events);
  bool EndClose(std::vector<Event>& events);
  bool IsControl() const { return static_cast<std::uint8_t>(opcode_) >= 8; }

  std::string head_;                    // of the frame under way, until it is whole
  bool in_payload_ = false;
  Opcode opcode_ = Opcode::kContinuation;
  bool in_message_ = false;             // of which more frames are to come
  std::array<unsigned char, 4> mask_{};
  std::uint64_t left_ = 0;              // of the payload
  unsigned phase_ = 0;                  // of the mask
  std::string control_;                 // payload of a control frame so far
  bool closed_ = false;
  std::uint16_t violation_ = 0;
};

}  // namespace estiba::http
