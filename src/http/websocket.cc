#include "http/websocket.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "codec/base64.h"

namespace estiba::http {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
constexpr std::size_t kMostControl = 125;

Error Bad(const std::string& why) { return {Code::kInvalidArgument, "open a WebSocket: " + why}; }

bool IsKey(const std::string& key) {
  const auto bytes = codec::DecodeBase64(key);
  return bytes.ok() && bytes->size() == 16;
}

// Section 7.4.2: those that a peer may send.
bool MayBeSent(unsigned code) {
  if (code >= 3000) return code < 5000;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

std::uint64_t Number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

void AppendNumber(std::string& text, std::uint64_t number, unsigned bytes) {
  while (bytes-- > 0) text += static_cast<char>(number >> (8 * bytes) & 0xFFU);
}

}  // namespace

Result<std::string> WebSocketChallenge(const RequestHead& head) {
  if (head.method != "GET" || head.version < 11) return Bad("it takes a GET of HTTP/1.1");
  if (!head.headers.HasToken("Upgrade", "websocket") || !head.headers.HasToken("Connection", "Upgrade"))
    return Bad("the request has no 'Connection: Upgrade' with 'Upgrade: websocket'");
  if (head.headers.Get("Sec-WebSocket-Version") != "13") return Bad("Sec-WebSocket-Version is not 13");
  const std::string& key = head.headers.Get("Sec-WebSocket-Key");
  if (!IsKey(key)) return Bad("Sec-WebSocket-Key is not 16 bytes in base64");
  return key + std::string(kGuid);
}

std::string WebSocketFrame(Opcode opcode, std::string_view payload) {
  std::string frame;
  frame.reserve(payload.size() + 10);
  frame += static_cast<char>(0x80U | static_cast<unsigned>(opcode));
  if (payload.size() <= kMostControl) {
    frame += static_cast<char>(payload.size());
  } else if (payload.size() <= UINT16_MAX) {
    frame += static_cast<char>(126);
    AppendNumber(frame, payload.size(), 2);
  } else {
    frame += static_cast<char>(127);
    AppendNumber(frame, payload.size(), 8);
  }
  frame += payload;
  return frame;
}

std::string CloseFrame(std::uint16_t code) {
  std::string payload;
  if (code != 0) AppendNumber(payload, code, 2);
  return WebSocketFrame(Opcode::kClose, payload);
}

std::vector<WebSocketReader::Event> WebSocketReader::Feed(std::string_view bytes) {
  std::vector<Event> events;
  while (!bytes.empty() && violation_ == 0 && !closed_) {
    if (!in_payload_) {
      const std::size_t take = std::min(bytes.size(), HeadSize() - head_.size());
      head_ += bytes.substr(0, take);
      bytes.remove_prefix(take);
      if (head_.size() >= 2 && !IsMaskedAndPlain()) violation_ = kCloseProtocolError;
      if (head_.size() < HeadSize()) continue;
      if (violation_ != 0 || !ReadHead()) violation_ = kCloseProtocolError;
      if (violation_ == 0 && left_ == 0) EndFrame(events);
      continue;
    }
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
    std::string piece = Unmask(bytes.substr(0, take));
    bytes.remove_prefix(take);
    left_ -= take;
    if (IsControl()) {
      control_ += piece;
    } else {
      events.push_back({Opcode::kBinary, std::move(piece), 0});
    }
    if (left_ == 0) EndFrame(events);
  }
  return events;
}

// As far as it can be told from what of it is here.
std::size_t WebSocketReader::HeadSize() const {
  if (head_.size() < 2) return 2;
  const unsigned length = static_cast<unsigned char>(head_[1]) & 0x7FU;
  return 2 + (length == 126 ? 2U : length == 127 ? 8U : 0U) + 4;
}

// No extension's bit, and masked, which a client has to do.
bool WebSocketReader::IsMaskedAndPlain() const {
  return (static_cast<unsigned char>(head_[0]) & 0x70U) == 0 && (static_cast<unsigned char>(head_[1]) & 0x80U) != 0;
}

bool WebSocketReader::ReadHead() {
  const unsigned first = static_cast<unsigned char>(head_[0]);
  const unsigned length = static_cast<unsigned char>(head_[1]) & 0x7FU;
  const std::size_t at = head_.size() - 4;
  const std::uint64_t size = length < 126 ? length : Number(std::string_view(head_).substr(2, at - 2));
  // The shortest form, and no sign.
  if ((length == 126 && size < 126) || (length == 127 && (size <= UINT16_MAX || size >> 63 != 0))) return false;
  for (std::size_t i = 0; i < mask_.size(); ++i) mask_[i] = static_cast<unsigned char>(head_[at + i]);
  opcode_ = static_cast<Opcode>(first & 0x0FU);
  head_.clear();
  return StartFrame((first & 0x80U) != 0, size);
}

bool WebSocketReader::StartFrame(bool last, std::uint64_t size) {
  switch (opcode_) {
    case Opcode::kText:
    case Opcode::kBinary:
      if (in_message_) return false;
      in_message_ = !last;
      break;
    case Opcode::kContinuation:
      if (!in_message_) return false;
      in_message_ = !last;
      break;
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong:
      if (!last || size > kMostControl) return false;
      break;
    default: return false;
  }
  left_ = size;
  phase_ = 0;
  control_.clear();
  in_payload_ = true;
  return true;
}

std::string WebSocketReader::Unmask(std::string_view bytes) {
  std::string plain(bytes);
  for (char& byte : plain) byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask_[phase_++ % 4]);
  return plain;
}

void WebSocketReader::EndFrame(std::vector<Event>& events) {
  in_payload_ = false;
  if (opcode_ == Opcode::kPing || opcode_ == Opcode::kPong) events.push_back({opcode_, std::move(control_), 0});
  if (opcode_ == Opcode::kClose && !EndClose(events)) violation_ = kCloseProtocolError;
}

bool WebSocketReader::EndClose(std::vector<Event>& events) {
  if (control_.size() == 1) return false;
  const auto code = static_cast<std::uint16_t>(Number(std::string_view(control_).substr(0, 2)));
  if (!control_.empty() && !MayBeSent(code)) return false;
  closed_ = true;
  events.push_back({Opcode::kClose, "", code});
  return true;
}

}  // namespace estiba::http
