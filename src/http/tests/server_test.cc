#include "http/server.h"

#include <gmock/gmock.h>

#include <future>

#include <fcntl.h>

#include "fixture.h"
#include "os/file.h"

namespace estiba::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

void Echo(const std::shared_ptr<Exchange>& exchange) {
  exchange->Respond(200, {{"Content-Type", "text/plain"}},
                    exchange->method() + " " + exchange->path() + " " + exchange->body());
}

TEST(Server, AnswersAndKeepsTheConnection) {
  const TestServer server(Echo, {.fields = {{"Server", "test"}}});
  const os::UniqueFd fd = server.Connect();
  for (int i = 0; i < 3; ++i) {
    TestServer::Send(fd.get(), "POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    const std::string answer = TestServer::ReadUntil(fd.get(), "POST /x hi");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nServer: test\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
    EXPECT_THAT(answer, EndsWith("POST /x hi"));
  }
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
  const TestServer server(Echo);
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  const std::string answers = server.Talk(requests);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find("GET /" + std::to_string(i) + " ", at);
    ASSERT_NE(at, std::string::npos) << i << answers;
  }
}

// What came beside a request, by what can be read from it.
void TellPassed(const std::shared_ptr<Exchange>& exchange) {
  const os::UniqueFd passed = exchange->TakeDescriptor();
  const auto text = passed.valid() ? os::ReadAll(passed.get()) : std::string("nothing");
  exchange->Respond(200, {}, exchange->path() + ": " + (text.ok() ? *text : text.error().Message()));
}

TEST(Server, ADescriptorBelongsToTheRequestItCameWith) {
  const TestServer server(TellPassed);
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd file, os::OpenAt({AT_FDCWD}, dir / "file", O_RDWR | O_CREAT, 0600));
  ASSERT_OK(os::WriteAll(file.get(), "content"));
  ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
  const os::UniqueFd fd = server.Connect();
  // More than one with it: only one is kept, the others are closed.
  ASSERT_OK(os::SendMessage(fd.get(), "GET /with HTTP/1.1\r\n", {file.get(), file.get(), file.get()}));
  TestServer::Send(fd.get(), "\r\n");
  EXPECT_THAT(TestServer::ReadUntil(fd.get(), "content"), EndsWith("/with: content"));
  TestServer::Send(fd.get(), "GET /without HTTP/1.1\r\n\r\n");
  EXPECT_THAT(TestServer::ReadUntil(fd.get(), "nothing"), EndsWith("/without: nothing"));
}

TEST(Server, HeadHasNoBodyAnd204NoLength) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->path() == "/none") return exchange->Respond(204, {}, "");
    exchange->Respond(200, {}, "body");
  });
  EXPECT_THAT(server.Talk("HEAD / HTTP/1.1\r\n\r\n"), EndsWith("Content-Length: 4\r\n\r\n"));
  EXPECT_THAT(server.Talk("POST /none HTTP/1.1\r\n\r\n"), Not(HasSubstr("Content-Length")));
}

TEST(Server, MalformedRequestsGet400AndTheServerGoesOn) {
  const TestServer server(Echo);
  for (const std::string bad :
       {"\x16\x03\x01 tls hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "G@T / HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nX\r\n\r\n"}) {
    const std::string answer = server.Talk(bad);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 "));
    EXPECT_THAT(answer, HasSubstr("{\"message\":\""));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  }
  EXPECT_THAT(server.Talk("GET /ok HTTP/1.1\r\n\r\n"), HasSubstr("GET /ok"));
}

TEST(Server, ALargeBodyIsRefusedWithoutBeingRead) {
  const TestServer server(Echo, {.max_body = 1000});
  const std::string head = "POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n";
  const std::string answer = server.Talk(head + std::string(3U << 20, 'x'));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 Request Entity Too Large\r\n"));
  EXPECT_THAT(answer, HasSubstr("request body too large"));
}

TEST(Server, ALargeChunkedBodyIsRefused) {
  const TestServer server(Echo, {.max_body = 1000});
  const std::string chunk = "400\r\n" + std::string(1024, 'x') + "\r\n";
  const std::string answer =
      server.Talk("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
}

TEST(Server, ALongHeadGets431) {
  const TestServer server(Echo, {.max_head = 2048});
  EXPECT_THAT(server.Talk("GET / HTTP/1.1\r\nX: " + std::string(9000, 'y') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
}

TEST(Server, SaysContinueBeforeTheBody) {
  const TestServer server(Echo);
  const os::UniqueFd fd = server.Connect();
  TestServer::Send(fd.get(), "POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(TestServer::ReadSome(fd.get()), "HTTP/1.1 100 Continue\r\n\r\n");
  TestServer::Send(fd.get(), "ok");
  EXPECT_THAT(TestServer::ReadUntil(fd.get(), "POST / ok"), StartsWith("HTTP/1.1 200 OK"));
}

TEST(Server, ASlowHeadAndAStalledBodyTimeOut) {
  const TestServer server(Echo, {.head_timeout = 30ms, .body_timeout = 30ms});
  EXPECT_THAT(server.Talk("GET / HTT", /*shut=*/false), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(server.Talk("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", /*shut=*/false),
              StartsWith("HTTP/1.1 408 "));
}

TEST(Server, AnIdleConnectionIsClosed) {
  const TestServer server(Echo, {.idle_timeout = 30ms});
  const os::UniqueFd fd = server.Connect();
  EXPECT_EQ(TestServer::ReadToEnd(fd.get()), "");
}

TEST(Server, MoreConnectionsThanAllowedGet503) {
  const TestServer server(Echo, {.max_connections = 2});
  const os::UniqueFd first = server.Connect();
  const os::UniqueFd second = server.Connect();
  const os::UniqueFd third = server.Connect();
  EXPECT_THAT(TestServer::ReadToEnd(third.get()), StartsWith("HTTP/1.1 503 "));
  TestServer::Send(first.get(), "GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(TestServer::ReadUntil(first.get(), "GET / "), StartsWith("HTTP/1.1 200"));
}

TEST(Server, AHandlerThatDropsTheExchangeIsA500) {
  const TestServer server([](const std::shared_ptr<Exchange>&) {});
  EXPECT_THAT(server.Talk("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
}

TEST(Server, AWaitingExchangeHoldsNoWorker) {
  std::mutex mutex;
  std::vector<std::shared_ptr<Exchange>> waiting;
  TestServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        if (exchange->path() != "/wait") return Echo(exchange);
        const std::lock_guard lock(mutex);
        waiting.push_back(exchange);
      },
      {.workers = 1});
  std::vector<os::UniqueFd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(server.Connect());
    TestServer::Send(clients.back().get(), "GET /wait HTTP/1.1\r\n\r\n");
  }
  EXPECT_THAT(server.Talk("GET /now HTTP/1.1\r\n\r\n"), HasSubstr("GET /now"));
  while (true) {
    const std::lock_guard lock(mutex);
    if (waiting.size() < 20) continue;
    for (const auto& exchange : waiting) exchange->Respond(200, {}, "done");
    waiting.clear();
    break;
  }
  for (const auto& client : clients)
    EXPECT_THAT(TestServer::ReadUntil(client.get(), "done"), HasSubstr("done"));
}

TEST(Server, TheSameConnectionCloseIsHonoured) {
  const TestServer server(Echo);
  EXPECT_THAT(server.Talk("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", /*shut=*/false),
              HasSubstr("Connection: close"));
  EXPECT_THAT(server.Talk("GET / HTTP/1.0\r\n\r\n", /*shut=*/false), HasSubstr("Connection: close"));
}

TEST(Server, PeerCredentialsAreTheClients) {
  std::promise<uid_t> uid;
  const TestServer server([&](const std::shared_ptr<Exchange>& exchange) {
    uid.set_value(exchange->peer().uid);
    Echo(exchange);
  });
  (void)server.Talk("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(uid.get_future().get(), ::geteuid());
}

}  // namespace
}  // namespace estiba::http
