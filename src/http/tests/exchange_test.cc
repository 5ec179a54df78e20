#include "http/exchange.h"

#include <gmock/gmock.h>

#include <charconv>
#include <csignal>
#include <future>
#include <thread>

#include "fixture.h"
#include "os/file.h"

namespace estiba::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\n\r\n";

TEST(Exchange, AStreamSendsItsHeadAtOnceAndChunksAsTheyCome) {
  std::promise<void> go;
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    go.get_future().wait();
    exchange->Write("one");
    exchange->Write("three");
    exchange->Finish();
  });
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), kGet);
  EXPECT_THAT(TestServer::ReadUntil(fd.get(), "\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  go.set_value();
  EXPECT_EQ(TestServer::ReadUntil(fd.get(), "0\r\n\r\n"), "3\r\none\r\n5\r\nthree\r\n0\r\n\r\n");
  TestServer::Send(fd.get(), kGet.substr(0, 3));  // the connection lives on
  EXPECT_FALSE(TestServer::Readable(fd.get(), 20));
}

TEST(Exchange, AnOldClientsStreamEndsWithTheConnection) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    exchange->Write("text");
    exchange->Finish();
  });
  EXPECT_THAT(server.Talk("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", /*shut=*/false),
              EndsWith("\r\n\r\ntext"));
}

TEST(Exchange, ADroppedStreamIsCutWithoutAnEnd) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    exchange->Write("part");
  });
  EXPECT_THAT(server.Talk(kGet), ::testing::Not(HasSubstr("0\r\n\r\n")));
}

TEST(Exchange, WriteBlockingWaitsForASlowReader) {
  std::atomic<std::size_t> written{0};
  std::promise<void> finished;
  const std::string block(64 * 1024, 'b');
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    for (int i = 0; i < 200; ++i) {
      if (!exchange->WriteBlocking(block)) break;
      written += block.size();
    }
    exchange->Finish();
    finished.set_value();
  });
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), "GET / HTTP/1.0\r\n\r\n");
  auto done = finished.get_future();
  EXPECT_EQ(done.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_LT(written, 3U << 20);
  EXPECT_GT(TestServer::ReadToEnd(fd.get()).size(), 200 * block.size());
  EXPECT_EQ(done.wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST(Exchange, AClientThatStopsReadingHoldsNoWorkerForEver) {
  std::promise<bool> written;
  std::promise<void> gone;
  const TestServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        exchange->OnPeerGone([&] { gone.set_value(); });
        exchange->StartStream(200, {});
        const std::string block(64 * 1024, 'b');
        bool alive = true;
        for (int i = 0; i < 1000 && alive; ++i) alive = exchange->WriteBlocking(block);
        written.set_value(alive);
      },
      {.write_timeout = 30ms});
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), kGet);
  auto done = written.get_future();
  ASSERT_EQ(done.wait_for(20s), std::future_status::ready);
  EXPECT_FALSE(done.get());
  EXPECT_EQ(gone.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_THAT(TestServer::ReadToEnd(fd.get()), ::testing::Not(EndsWith("0\r\n\r\n")));
}

// A pipe that another thread fills with `bytes` and ends.
class FilledPipe {
 public:
  explicit FilledPipe(const std::string& bytes) {
    std::signal(SIGPIPE, SIG_IGN);
    os::Pipe pipe = std::move(os::MakePipe()).value();
    read_ = std::move(pipe.read);
    writer_ = std::thread([bytes, to = std::move(pipe.write)] { (void)os::WriteAll(to.get(), bytes).ok(); });
  }
  ~FilledPipe() {
    read_.Reset();
    writer_.join();
  }
  int get() const { return read_.get(); }

 private:
  os::UniqueFd read_;
  std::thread writer_;
};

// What chunks hold, up to the last; nothing when they are no chunks.
std::string Unchunked(std::string_view bytes) {
  std::string out;
  for (;;) {
    std::size_t size = 0;
    const auto parsed = std::from_chars(bytes.data(), bytes.data() + bytes.size(), size, 16);
    bytes.remove_prefix(static_cast<std::size_t>(parsed.ptr - bytes.data()));
    if (parsed.ec != std::errc() || bytes.size() < size + 4 || !bytes.starts_with("\r\n")) return {};
    out += bytes.substr(2, size);
    if (bytes.substr(size + 2, 2) != "\r\n") return {};
    bytes.remove_prefix(size + 4);
    if (size == 0) return bytes.empty() ? out : std::string();
  }
}

std::string Numbers() {
  std::string out;
  for (int i = 0; i < 400'000; ++i) out += std::to_string(i) + "\n";
  return out;
}

TEST(Exchange, APipeComesInChunksAndTheConnectionLivesOn) {
  const std::string bytes = Numbers();
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    const FilledPipe pipe(bytes);
    exchange->StartStream(200, {});
    EXPECT_TRUE(exchange->WriteFrom(pipe.get()));
    exchange->Finish();
  });
  const os::UniqueFd fd = server.Connect();
  for (int request = 0; request < 2; ++request) {
    TestServer::Send(fd.get(), kGet);
    const std::string answer = TestServer::ReadUntil(fd.get(), "\r\n0\r\n\r\n");
    const std::size_t head = answer.find("\r\n\r\n");
    ASSERT_NE(head, std::string::npos);
    EXPECT_TRUE(Unchunked(std::string_view(answer).substr(head + 4)) == bytes);
  }
}

TEST(Exchange, APipeComesAsItIsToAnOldClientAndNotAtAllForAHead) {
  const std::string bytes = Numbers();
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    const FilledPipe pipe(bytes);
    exchange->StartStream(200, {});
    EXPECT_TRUE(exchange->WriteFrom(pipe.get()));
    exchange->Finish();
  });
  EXPECT_TRUE(server.Talk("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n" + bytes));
  EXPECT_TRUE(server.Talk("HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST(Exchange, APipesReaderWhoStopsOrLeavesHoldsNoWorkerForEver) {
  for (const bool leaves : {false, true}) {
    std::promise<bool> written;
    const TestServer server(
        [&](const std::shared_ptr<Exchange>& exchange) {
          const FilledPipe pipe(Numbers());
          exchange->StartStream(200, {});
          written.set_value(exchange->WriteFrom(pipe.get()));
        },
        {.write_timeout = 30ms});
    os::UniqueFd fd = server.Connect();
    TestServer::Send(fd.get(), kGet);
    ASSERT_TRUE(TestServer::Readable(fd.get()));
    if (leaves) fd.Reset();
    auto done = written.get_future();
    ASSERT_EQ(done.wait_for(20s), std::future_status::ready);
    EXPECT_FALSE(done.get());
    if (leaves) continue;
    EXPECT_THAT(TestServer::ReadToEnd(fd.get()), ::testing::Not(EndsWith("0\r\n\r\n")));
  }
}

TEST(Exchange, AnEmptyPipesClientThatLeavesIsNoticed) {
  std::promise<bool> written;
  os::Pipe silent = std::move(os::MakePipe()).value();
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    written.set_value(exchange->WriteFrom(silent.read.get()));
  });
  os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), kGet);
  ASSERT_TRUE(TestServer::Readable(fd.get()));
  fd.Reset();
  auto done = written.get_future();
  ASSERT_EQ(done.wait_for(20s), std::future_status::ready);
  EXPECT_FALSE(done.get());
}

TEST(Exchange, AnAnswerThatNobodyReadsEndsWithItsConnection) {
  const TestServer server(
      [](const std::shared_ptr<Exchange>& exchange) {
        exchange->Respond(200, {}, std::string(4U << 20, 'b'));
      },
      {.write_timeout = 30ms});
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), kGet);
  pollfd hung_up{fd.get(), POLLRDHUP, 0};
  ASSERT_EQ(::poll(&hung_up, 1, 20000), 1);
  EXPECT_LT(TestServer::ReadToEnd(fd.get()).size(), 4U << 20);
}

TEST(Exchange, AReaderMuchSlowerThanTheTimeoutGetsEverything) {
  constexpr std::size_t kSize = 32U << 20;
  constexpr auto kTimeout = 1s;
  const TestServer server(
      [](const std::shared_ptr<Exchange>& exchange) {
        exchange->StartStream(200, {});
        const std::string block(64 * 1024, 'b');
        for (std::size_t sent = 0; sent < kSize; sent += block.size()) {
          if (!exchange->WriteBlocking(block)) return;
        }
        exchange->Finish();
      },
      {.write_timeout = kTimeout});
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), "GET / HTTP/1.0\r\n\r\n");
  const auto end = std::chrono::steady_clock::now() + 5 * kTimeout / 2;
  std::size_t received = 0;
  while (std::chrono::steady_clock::now() < end) {
    received += TestServer::ReadSome(fd.get()).size();
    pollfd none{-1, 0, 0};
    (void)::poll(&none, 1, 20);
  }
  EXPECT_LT(received, kSize);
  EXPECT_GT(received + TestServer::ReadToEnd(fd.get()).size(), kSize);
}

TEST(Exchange, AWriterLearnsThatTheClientHasGone) {
  std::promise<bool> gone;
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    const std::string block(64 * 1024, 'b');
    bool alive = true;
    for (int i = 0; i < 10000 && alive; ++i) alive = exchange->WriteBlocking(block);
    gone.set_value(!alive);
  });
  {
    const os::UniqueFd fd = server.Connect();
    TestServer::Send(fd.get(), kGet);
    (void)TestServer::ReadSome(fd.get());
  }
  EXPECT_TRUE(gone.get_future().get());
}

TEST(Exchange, TellsWhenTheClientLeavesAWait) {
  std::promise<void> gone;
  std::shared_ptr<Exchange> kept;
  std::promise<void> waiting;
  TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    exchange->OnPeerGone([&] { gone.set_value(); });
    kept = exchange;
    waiting.set_value();
  });
  {
    const os::UniqueFd fd = server.Connect();
    TestServer::Send(fd.get(), kGet);
    waiting.get_future().wait();
    EXPECT_FALSE(kept->peer_gone());
  }
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_TRUE(kept->peer_gone());
  kept.reset();
}

TEST(Exchange, AFullStreamTellsWhenThereIsRoomAgain) {
  std::promise<void> drained;
  std::promise<void> full;
  std::shared_ptr<Exchange> kept;
  TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    while (exchange->Write(std::string(100000, 'x')) == WriteState::kOk) {
    }
    kept = exchange;
    exchange->OnDrained([&] { drained.set_value(); });
    full.set_value();
  });
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), kGet);
  full.get_future().wait();
  auto room = drained.get_future();
  // The last bytes may be here before the callback has run: then nothing more comes.
  while (room.wait_for(std::chrono::seconds(0)) != std::future_status::ready &&
         TestServer::ReadSome(fd.get()) != "(timeout)") {
  }
  EXPECT_EQ(room.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  kept.reset();
}

TEST(Exchange, DetachGivesTheConnectionAndWhatWasReadBehindTheRequest) {
  std::promise<Detached> taken;
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    taken.set_value(std::move(exchange->Detach("application/x")).value());
  });
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(),
                   "POST /attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly bytes");
  const Detached detached = taken.get_future().get();
  EXPECT_TRUE(detached.upgraded);
  EXPECT_EQ(detached.leftover, "early bytes");
  EXPECT_EQ(
      TestServer::ReadUntil(fd.get(), "\r\n\r\n"),
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  TestServer::Send(detached.fd.get(), "hello");
  EXPECT_EQ(TestServer::ReadSome(fd.get()), "hello");
}

TEST(Exchange, DetachCanWaitUntilTheHeadIsRead) {
  std::promise<void> taken;
  std::promise<void> detaching;
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    detaching.set_value();
    const auto detached = exchange->Detach("x", std::chrono::seconds(20));
    taken.set_value();
  });
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), kGet);
  detaching.get_future().wait();
  auto done = taken.get_future();
  EXPECT_EQ(done.wait_for(std::chrono::milliseconds(30)), std::future_status::timeout);
  (void)TestServer::ReadUntil(fd.get(), "\r\n\r\n");
  EXPECT_EQ(done.wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST(Exchange, WithoutUpgradeDetachSays200) {
  std::promise<Detached> taken;
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    taken.set_value(std::move(exchange->Detach("application/x")).value());
  });
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_FALSE(taken.get_future().get().upgraded);
  EXPECT_EQ(TestServer::ReadToEnd(fd.get()), "HTTP/1.1 200 OK\r\nContent-Type: application/x\r\n\r\n");
}

TEST(Exchange, DetachFromAClientThatHasGoneFails) {
  std::promise<void> closed;
  std::promise<Code> code;
  TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    std::promise<void> gone;
    exchange->OnPeerGone([&] { gone.set_value(); });
    gone.get_future().wait();
    const auto detached = exchange->Detach("x");
    code.set_value(detached.ok() ? Code::kUnknown : detached.error().code());
  });
  {
    const os::UniqueFd fd = server.Connect();
    TestServer::Send(fd.get(), kGet);
  }
  EXPECT_EQ(code.get_future().get(), Code::kUnavailable);
}

ServerOptions Piping() {
  ServerOptions options;
  options.max_body = 10;
  options.body_mode = [](const RequestHead&) { return BodyMode::kPipe; };
  return options;
}

TEST(Exchange, AStreamedBodyComesThroughAPipeWithBackpressure) {
  const std::size_t size = 8U << 20;
  std::promise<std::size_t> received;
  std::promise<bool> complete;
  const TestServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        const os::UniqueFd body = exchange->TakeBody();
        std::size_t total = 0;
        char buffer[65536];
        ssize_t n = 0;
        while ((n = ::read(body.get(), buffer, sizeof buffer)) > 0) total += static_cast<std::size_t>(n);
        complete.set_value(exchange->body_complete());
        received.set_value(total);
        exchange->Respond(200, {}, "ok");
      },
      Piping());
  const std::string answer = server.Talk("POST / HTTP/1.1\r\nContent-Length: " + std::to_string(size) +
                                         "\r\n\r\n" + std::string(size, 'z'));
  EXPECT_THAT(answer, EndsWith("ok"));
  EXPECT_EQ(received.get_future().get(), size);
  EXPECT_TRUE(complete.get_future().get());
}

TEST(Exchange, ACutBodyIsNotComplete) {
  std::promise<bool> complete;
  const TestServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        const os::UniqueFd body = exchange->TakeBody();
        char buffer[100];
        while (::read(body.get(), buffer, sizeof buffer) > 0) {
        }
        complete.set_value(exchange->body_complete());
        exchange->Respond(400, {}, "cut");
      },
      Piping());
  EXPECT_THAT(server.Talk("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"), StartsWith("HTTP/1.1 400"));
  EXPECT_FALSE(complete.get_future().get());
}

TEST(Exchange, ShuttingDownBehindAStreamedBodyIsNotLeaving) {
  std::promise<bool> gone;
  const TestServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        const os::UniqueFd body = exchange->TakeBody();
        char buffer[65536];
        while (::read(body.get(), buffer, sizeof buffer) > 0) {
        }
        gone.set_value(exchange->peer_gone());
        exchange->Respond(200, {}, "ok");
      },
      Piping());
  const std::string body(4U << 20, 'z');
  EXPECT_THAT(
      server.Talk("POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body),
      EndsWith("ok"));
  EXPECT_FALSE(gone.get_future().get());
}

TEST(Exchange, AnEarlyAnswerToAStreamedBodyReachesTheClient) {
  const TestServer server(
      [](const std::shared_ptr<Exchange>& exchange) {
        exchange->TakeBody().Reset();
        exchange->Respond(409, {}, "no");
      },
      Piping());
  EXPECT_THAT(server.Talk("POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" + std::string(9000000, 'x')),
              HasSubstr("409"));
}

}  // namespace
}  // namespace estiba::http
