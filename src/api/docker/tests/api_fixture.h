#pragma once
// The API on a socket, over an engine that is a fake.

#include <memory>
#include <string>
#include <thread>

#include <sys/socket.h>

#include "api/docker/api.h"
#include "fake_engine.h"
#include "http/client.h"
#include "os/socket.h"
#include "tests/support.h"

namespace estiba::api::docker {

class Api : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(http::Loop::Create()).value();
    server_ =
        std::move(http::Server::Create(loop_.get(), ServerOptions("1.0"), MakeHandler(&engine_))).value();
    ASSERT_OK_AND_ASSIGN(os::UniqueFd listener, os::ListenUnix(path(), SOCK_STREAM, 0600));
    ASSERT_OK(server_->Listen(std::move(listener)));
    thread_ = std::thread([this] { (void)loop_->Run().ok(); });
  }
  void TearDown() override {
    loop_->Stop();
    thread_.join();
    server_.reset();
  }
  std::string path() const { return dir_ / "sock"; }

  http::Response Send(const std::string& method, const std::string& target, const std::string& body = "",
                      http::Headers headers = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.headers = std::move(headers);
    request.body = body;
    if (!body.empty() && !request.headers.Has("Content-Type"))
      request.headers.Set("Content-Type", "application/json");
    http::Client client(path());
    auto response = client.Send(request);
    return response.ok() ? std::move(response).value() : http::Response{0, {}, response.error().ToString()};
  }
  // The call that a request made, when it was answered with `status`.
  std::string Called(int status, const std::string& method, const std::string& target,
                     const std::string& body = "") {
    const http::Response response = Send(method, target, body);
    if (response.status != status) return std::to_string(response.status) + " " + response.body;
    return engine_.last();
  }

  FakeEngine engine_;
  testing::TempDir dir_;
  std::unique_ptr<http::Loop> loop_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace estiba::api::docker
