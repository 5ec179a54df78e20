#pragma once
// A server on a UNIX socket of its own, its loop on a thread, and raw connections to it.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"
#include "os/socket.h"
#include "tests/support.h"

namespace estiba::http {

class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {}) {
    loop_ = std::move(Loop::Create()).value();
    server_ = std::move(Server::Create(loop_.get(), std::move(options), std::move(handler))).value();
    auto listener = os::ListenUnix(path(), SOCK_STREAM, 0600);
    if (!listener.ok() || !server_->Listen(std::move(listener).value()).ok()) std::abort();
    thread_ = std::thread([this] { (void)loop_->Run().ok(); });
  }
  ~TestServer() {
    loop_->Stop();
    thread_.join();
    server_.reset();
  }

  std::string path() const { return dir_ / "sock"; }
  os::UniqueFd Connect() const { return std::move(os::ConnectUnix(path(), SOCK_STREAM)).value(); }
  Loop* loop() { return loop_.get(); }

  // Sends `bytes` on a new connection, shuts our side down when told, and reads to the end.
  std::string Talk(const std::string& bytes, bool shut = true) const {
    const os::UniqueFd fd = Connect();
    Send(fd.get(), bytes);
    if (shut) (void)::shutdown(fd.get(), SHUT_WR);
    return ReadToEnd(fd.get());
  }
  static void Send(int fd, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }
  static bool Readable(int fd, int milliseconds = 5000) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, milliseconds) == 1;
  }
  static std::string ReadSome(int fd) {
    char buffer[65536];
    if (!Readable(fd)) return "(timeout)";
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
  static std::string ReadToEnd(int fd) {
    std::string all;
    for (;;) {
      const std::string some = ReadSome(fd);
      if (some.empty()) return all;
      all += some;
      if (some == "(timeout)") return all;
    }
  }
  // Reads until the text has come.
  static std::string ReadUntil(int fd, const std::string& text) {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const std::string some = ReadSome(fd);
      all += some;
      if (some.empty() || some == "(timeout)") break;
    }
    return all;
  }

 private:
  testing::TempDir dir_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace estiba::http
