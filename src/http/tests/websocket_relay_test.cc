#include "websocket_relay.h"

#include <thread>

#include <sys/socket.h>
#include <sys/time.h>

#include "os/file.h"
#include "os/socket.h"
#include "tests/support.h"

namespace estiba::http {
namespace {

class Relay : public ::testing::Test {
 protected:
  void SetUp() override { loop_ = std::move(Loop::Create()).value(); }
  void TearDown() override { Stop(); }
  void Open(WebSocketOptions options = {}, std::string leftover = "") {
    os::SocketPair client = std::move(os::MakeSocketPair(SOCK_STREAM)).value();
    os::SocketPair stream = std::move(os::MakeSocketPair(SOCK_STREAM)).value();
    ASSERT_OK(os::SetNonBlocking(client.ours.get(), true));
    ASSERT_OK(os::SetNonBlocking(stream.ours.get(), true));
    client_ = std::move(client.theirs);
    stream_ = std::move(stream.theirs);
    loop_->Post([this, relay = std::make_shared<WebSocketRelay>(loop_.get(), std::move(options), std::move(client.ours),
                                                                std::move(stream.ours), std::move(leftover))] {
      relays_.Add(relay);
    });
    thread_ = std::thread([this] { (void)loop_->Run().ok(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    loop_->Stop();
    thread_.join();
    relays_.EndAll();
  }
  static void Write(int fd, std::string_view bytes) { ASSERT_OK(os::WriteAll(fd, bytes)); }
  static std::string Take(int fd, std::size_t size) {
    std::string bytes(size, '\0');
    const ssize_t n = ::recv(fd, bytes.data(), size, MSG_WAITALL);
    return bytes.substr(0, n < 0 ? 0 : static_cast<std::size_t>(n));
  }
  static bool Ended(int fd) { return Take(fd, 1).empty(); }
  // Masked by zeros.
  static std::string Sent(unsigned first, std::string_view payload) {
    std::string frame{static_cast<char>(first), static_cast<char>(0x80U | payload.size())};
    return frame + std::string(4, '\0') + std::string(payload);
  }

  std::unique_ptr<Loop> loop_;
  WebSocketRelays relays_;
  os::UniqueFd client_;
  os::UniqueFd stream_;
  std::thread thread_;
};

TEST_F(Relay, PassesOnBothWays) {
  Open({}, Sent(0x82, "early "));
  Write(client_.get(), Sent(0x81, "typed"));
  EXPECT_EQ(Take(stream_.get(), 11), "early typed");
  Write(stream_.get(), "shown");
  EXPECT_EQ(Take(client_.get(), 7), "\x82\x05shown");
}

TEST_F(Relay, GivesTheClientWhatIsForIt) {
  WebSocketOptions options;
  options.text = true;
  options.payload = [](std::string_view bytes) { return std::string(bytes.substr(1)); };
  Open(std::move(options));
  Write(stream_.get(), "_shown");
  EXPECT_EQ(Take(client_.get(), 7), "\x81\x05shown");
}

TEST_F(Relay, AnswersPings) {
  Open();
  Write(client_.get(), Sent(0x89, "you?"));
  EXPECT_EQ(Take(client_.get(), 6), "\x8a\x04you?");
}

TEST_F(Relay, TheStreamsEndClosesTheWebSocket) {
  Open();
  Write(stream_.get(), "last");
  stream_.Reset();
  EXPECT_EQ(Take(client_.get(), 10), std::string("\x82\x04last\x88\x02\x03\xe8", 10));
  Write(client_.get(), Sent(0x88, std::string("\x03\xe8", 2)));
  EXPECT_TRUE(Ended(client_.get()));
}

TEST_F(Relay, TheClientsCloseEndsTheStreamBehindWhatItSent) {
  Open();
  Write(client_.get(), Sent(0x82, "last") + Sent(0x88, std::string("\x03\xe9", 2)) + "no frame");
  EXPECT_EQ(Take(stream_.get(), 4), "last");
  EXPECT_TRUE(Ended(stream_.get()));
  EXPECT_EQ(Take(client_.get(), 4), std::string("\x88\x02\x03\xe9", 4));
  EXPECT_TRUE(Ended(client_.get()));
}

TEST_F(Relay, AClientThatLeavesEndsTheStream) {
  Open();
  client_.Reset();
  EXPECT_TRUE(Ended(stream_.get()));
}

TEST_F(Relay, WhatIsNoFrameIsAnsweredWithTheCodeForIt) {
  Open();
  Write(client_.get(), "GET / HTTP/1.1\r\n");
  EXPECT_EQ(Take(client_.get(), 4), std::string("\x88\x02\x03\xea", 4));
  EXPECT_TRUE(Ended(client_.get()));
  EXPECT_TRUE(Ended(stream_.get()));
}

// Neither side's bytes pile up where the other takes none.
TEST_F(Relay, WhoReadsNothingHoldsTheOtherUp) {
  Open();
  // Socket buffers and the relay's own bounds are far below this; once they are full, nothing more is taken.
  constexpr std::size_t kMost = 16U << 20;
  const timeval patience{0, 300'000};
  ASSERT_EQ(::setsockopt(stream_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
  const std::string piece(64 * 1024, 'x');
  std::size_t taken = 0;
  while (taken < kMost) {
    const ssize_t n = ::send(stream_.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    taken += static_cast<std::size_t>(n);
  }
  EXPECT_LT(taken, kMost);
}

TEST_F(Relay, TheServersEndEndsIt) {
  Open();
  Write(client_.get(), Sent(0x82, "x"));
  EXPECT_EQ(Take(stream_.get(), 1), "x");
  EXPECT_EQ(relays_.size(), 1U);
  Stop();
  EXPECT_EQ(relays_.size(), 0U);
  EXPECT_TRUE(Ended(client_.get()));
}

}  // namespace
}  // namespace estiba::http
