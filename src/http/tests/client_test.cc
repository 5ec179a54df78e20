#include "http/client.h"

#include "fixture.h"

namespace estiba::http {
namespace {

TEST(Client, SendsAndReceives) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    exchange->Respond(201, {{"X-Y", "z"}}, exchange->body() + exchange->query().Get("q"));
  });
  Client client(server.path());
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const Response response,
                         client.Send({.method = "POST", .target = "/?q=1", .body = "b"}));
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.headers.Get("x-y"), "z");
    EXPECT_EQ(response.body, "b1");
  }
  ASSERT_OK_AND_ASSIGN(const Response head, client.Send({.method = "HEAD", .target = "/?q=1"}));
  EXPECT_EQ(head.body, "");
}

TEST(Client, ReadsLinesOfAStream) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    exchange->Write("one\r\ntw");
    exchange->Write("o\n\nlast");
    exchange->Finish();
  });
  Client client(server.path());
  ASSERT_OK_AND_ASSIGN(const auto stream, client.Open({}));
  for (const char* want : {"one", "two", "", "last"}) {
    ASSERT_OK_AND_ASSIGN(const auto line, stream->ReadLine());
    EXPECT_EQ(line, want);
  }
  ASSERT_OK_AND_ASSIGN(const auto end, stream->ReadLine());
  EXPECT_FALSE(end.has_value());
}

TEST(Client, ACutStreamIsAnError) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    exchange->StartStream(200, {});
    exchange->Write("part");
  });
  Client client(server.path());
  ASSERT_OK_AND_ASSIGN(const auto stream, client.Open({}));
  EXPECT_FALSE(stream->ReadAll().ok());
}

TEST(Client, UpgradesAndHandsOverTheFirstBytes) {
  const TestServer server([](const std::shared_ptr<Exchange>& exchange) {
    auto detached = exchange->Detach("application/x");
    TestServer::Send(detached->fd.get(), "hello");
  });
  Client client(server.path());
  ASSERT_OK_AND_ASSIGN(auto result, client.Upgrade({.method = "POST", .target = "/"}));
  ASSERT_TRUE(result.connection.has_value());
  EXPECT_EQ(result.connection->headers.Get("Content-Type"), "application/x");
  EXPECT_EQ(result.connection->leftover + TestServer::ReadToEnd(result.connection->fd.get()), "hello");
}

TEST(Client, ARefusedUpgradeCarriesTheAnswer) {
  const TestServer server([](const std::shared_ptr<Exchange>& e) { e->Respond(409, {}, "no"); });
  Client client(server.path());
  ASSERT_OK_AND_ASSIGN(auto result, client.Upgrade({.method = "POST", .target = "/"}));
  ASSERT_TRUE(result.refused.has_value());
  EXPECT_EQ(result.refused->status, 409);
  EXPECT_EQ(result.refused->body, "no");
}

TEST(Client, ReadsTheRefusalOfABodyItStillSends) {
  const TestServer server([](const std::shared_ptr<Exchange>&) {}, {.max_body = 1000});
  Client client(server.path());
  ASSERT_OK_AND_ASSIGN(const Response response,
                       client.Send({.method = "POST", .target = "/", .body = std::string(20U << 20, 'x')}));
  EXPECT_EQ(response.status, 413);
}

TEST(Client, SendsADescriptorInChunks) {
  const TestServer server([](const std::shared_ptr<Exchange>& e) { e->Respond(200, {}, e->body()); });
  ASSERT_OK_AND_ASSIGN(os::Pipe pipe, os::MakePipe());
  ASSERT_EQ(::write(pipe.write.get(), "from a pipe", 11), 11);
  pipe.write.Reset();
  Client client(server.path());
  ASSERT_OK_AND_ASSIGN(const Response response,
                       client.Send({.method = "POST", .target = "/", .body_fd = pipe.read.get()}));
  EXPECT_EQ(response.body, "from a pipe");
}

TEST(Client, NobodyListening) {
  Client client("/nonexistent/sock");
  const auto response = client.Send({});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().errnum(), ENOENT);
}

}  // namespace
}  // namespace estiba::http
