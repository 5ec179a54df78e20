#include "http/websocket.h"

#include <random>

#include "tests/support.h"

namespace estiba::http {
namespace {

// A frame as a client sends it, masked.
std::string Sent(unsigned first, std::string_view payload, std::size_t claimed = SIZE_MAX) {
  const std::size_t size = claimed == SIZE_MAX ? payload.size() : claimed;
  std::string frame(1, static_cast<char>(first));
  if (size < 126) {
    frame += static_cast<char>(0x80U | size);
  } else if (size <= UINT16_MAX) {
    frame += static_cast<char>(0x80U | 126U);
    frame += {static_cast<char>(size >> 8), static_cast<char>(size)};
  } else {
    frame += static_cast<char>(0x80U | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(size >> shift);
  }
  constexpr std::string_view kMask = "\x37\xfa\x21\x3d";
  frame += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ kMask[i % 4]);
  return frame;
}

// What came of it: "data:…", "ping:…", "pong:…", "close:CODE"; data joined.
std::string Read(std::string_view bytes, std::size_t piece, std::uint16_t* violation) {
  WebSocketReader reader;
  std::string text, data;
  const auto flush = [&] {
    if (!data.empty()) text += "data:" + std::exchange(data, {}) + " ";
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    for (const auto& event : reader.Feed(bytes.substr(at, piece))) {
      if (event.opcode == Opcode::kBinary) {
        data += event.bytes;
        continue;
      }
      flush();
      if (event.opcode == Opcode::kClose) text += "close:" + std::to_string(event.code) + " ";
      if (event.opcode == Opcode::kPing) text += "ping:" + event.bytes + " ";
      if (event.opcode == Opcode::kPong) text += "pong:" + event.bytes + " ";
    }
  }
  flush();
  *violation = reader.violation();
  return text;
}
std::string Read(std::string_view bytes) {
  std::uint16_t violation = 0;
  const std::string whole = Read(bytes, bytes.size(), &violation);
  std::uint16_t in_bytes = 0;
  EXPECT_EQ(Read(bytes, 1, &in_bytes), whole) << "cut anywhere";
  EXPECT_EQ(in_bytes, violation);
  return violation == 0 ? whole : whole + "violation " + std::to_string(violation);
}

RequestHead Head(std::initializer_list<std::pair<std::string, std::string>> fields) {
  RequestHead head;
  head.method = "GET";
  head.headers = Headers(fields);
  return head;
}

TEST(WebSocketHandshake, IsThatOfTheSpecification) {
  const auto challenge = WebSocketChallenge(Head({{"Upgrade", "WebSocket"},
                                                  {"Connection", "keep-alive, Upgrade"},
                                                  {"Sec-WebSocket-Version", "13"},
                                                  {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}));
  EXPECT_EQ(*challenge, "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
}

TEST(WebSocketHandshake, RefusesWhatIsNone) {
  const auto why = [](std::initializer_list<std::pair<std::string, std::string>> fields) {
    const auto challenge = WebSocketChallenge(Head(fields));
    return challenge.ok() ? "" : challenge.error().Message();
  };
  EXPECT_EQ(why({}), "open a WebSocket: the request has no 'Connection: Upgrade' with 'Upgrade: websocket'");
  EXPECT_EQ(why({{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "8"}}),
            "open a WebSocket: Sec-WebSocket-Version is not 13");
  EXPECT_EQ(why({{"Upgrade", "websocket"},
                 {"Connection", "Upgrade"},
                 {"Sec-WebSocket-Version", "13"},
                 {"Sec-WebSocket-Key", "c2hvcnQ="}}),
            "open a WebSocket: Sec-WebSocket-Key is not 16 bytes in base64");
  RequestHead post = Head({});
  post.method = "POST";
  EXPECT_FALSE(WebSocketChallenge(post).ok());
}

TEST(WebSocketFrames, AreWritten) {
  EXPECT_EQ(WebSocketFrame(Opcode::kBinary, "ab"), "\x82\x02" "ab");
  EXPECT_EQ(WebSocketFrame(Opcode::kText, std::string(126, 'x')).substr(0, 5), std::string("\x81\x7e\0\x7ex", 5));
  EXPECT_EQ(WebSocketFrame(Opcode::kBinary, std::string(65536, 'x')).substr(0, 11),
            std::string("\x82\x7f\0\0\0\0\0\1\0\0x", 11));
  EXPECT_EQ(CloseFrame(1000), std::string("\x88\x02\x03\xe8", 4));
  EXPECT_EQ(CloseFrame(0), std::string("\x88\0", 2));
}

TEST(WebSocketFrames, AreRead) {
  EXPECT_EQ(Read(Sent(0x82, "hello")), "data:hello ");
  EXPECT_EQ(Read(Sent(0x01, "a") + Sent(0x89, "still there") + Sent(0x00, "b") + Sent(0x80, "c")),
            "data:a ping:still there data:bc ");
  EXPECT_EQ(Read(Sent(0x8a, "") + Sent(0x82, "")), "pong: ");
  EXPECT_EQ(Read(Sent(0x82, std::string(300, 'x')) + Sent(0x82, std::string(70000, 'y'))),
            "data:" + std::string(300, 'x') + std::string(70000, 'y') + " ");
  EXPECT_EQ(Read(Sent(0x88, "")), "close:0 ");
  EXPECT_EQ(Read(Sent(0x88, std::string("\x03\xe9", 2) + "bye") + Sent(0x82, "too late")), "close:1001 ");
}

TEST(WebSocketFrames, ThatBreakTheProtocolEndIt) {
  constexpr auto kViolation = "violation 1002";
  EXPECT_EQ(Read(WebSocketFrame(Opcode::kBinary, "not masked")), kViolation);
  EXPECT_EQ(Read(WebSocketFrame(Opcode::kBinary, "no")), kViolation) << "shorter than a masked head";
  EXPECT_EQ(Read(Sent(0xc2, "an extension")), kViolation);
  EXPECT_EQ(Read(Sent(0x83, "a reserved opcode")), kViolation);
  EXPECT_EQ(Read(Sent(0x8b, "another")), kViolation);
  EXPECT_EQ(Read(Sent(0x80, "nothing to carry on")), kViolation);
  EXPECT_EQ(Read(Sent(0x01, "a") + Sent(0x81, "b")), std::string("data:a ") + kViolation);
  EXPECT_EQ(Read(Sent(0x09, "a ping in parts")), kViolation);
  EXPECT_EQ(Read(Sent(0x89, std::string(126, 'x'))), kViolation);
  EXPECT_EQ(Read(Sent(0x88, "x")), kViolation);
  EXPECT_EQ(Read(Sent(0x88, std::string("\x03\xed", 2))), kViolation) << "1005 is never sent";
  EXPECT_EQ(Read(std::string("\x82\xfe\x00\x05\0\0\0\0", 8)), kViolation) << "5 in two bytes";
  EXPECT_EQ(Read(std::string("\x82\xff\0\0\0\0\0\0\x01\0\0\0\0\0", 14)), kViolation) << "256 in eight";
  EXPECT_EQ(Read(std::string("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14)), kViolation) << "a sign";
}

// A frame may claim to be of any size: what comes is passed on, and nothing is kept.
TEST(WebSocketFrames, OfEnormousSizesAreNotHeld) {
  std::uint16_t violation = 0;
  EXPECT_EQ(Read(Sent(0x82, "begun", std::size_t{1} << 62), 3, &violation), "data:begun ");
  EXPECT_EQ(violation, 0);
}

}  // namespace
}  // namespace estiba::http
