#pragma once
// A blocking client over a UNIX socket or what else is connected, for the command line.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "os/fd.h"

namespace estiba::http {

struct Request {
  std::string method = "GET";
  std::string target = "/";  // "/containers/json?all=1", already encoded
  Headers headers{};
  std::string body{};  // with a Content-Length when not empty, or when the method is POST or PUT
  int body_fd = -1;    // borrowed: read to its end and sent in chunks instead of `body`
  std::function<void(std::size_t)> body_sent{};  // hears of each piece of it
  int pass_fd = -1;    // borrowed: goes beside the head (SCM_RIGHTS); what it is for, the headers say
};

struct Response {
  int status = 0;
  Headers headers{};
  std::string body;
};

// A response whose body is read as it comes.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  // Some bytes; "" at the end of the body. An error when the connection broke before it.
  virtual Result<std::string> Read() = 0;
  // The next line without its end ("\n" or "\r\n"); nothing at the end of the body.
  virtual Result<std::optional<std::string>> ReadLine() = 0;
  virtual Result<std::string> ReadAll() = 0;
  // To poll for readability (more may be buffered: has_buffered()).
  virtual int fd() const = 0;
  virtual bool has_buffered() const = 0;
};

// A connection after its 101.
struct Upgraded {
  os::UniqueFd fd;       // blocking
  std::string leftover;  // first bytes of the other side
  Headers headers{};
};

class Client {
 public:
  // Nothing is connected until the first request. Connections are kept for the next request where possible.
  explicit Client(std::string socket_path);
  // Where else the server may be: `connect` answers a stream socket, blocking.
  explicit Client(std::function<Result<os::UniqueFd>()> connect);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // kUnavailable (ECONNREFUSED) or kNotFound (ENOENT) when nobody listens.
  Result<Response> Send(const Request& request);
  Result<std::unique_ptr<ResponseStream>> Open(const Request& request);
  // Sends with "Connection: Upgrade" and "Upgrade: tcp"; `refused` is set when the server answered anything
  // but 101.
  struct UpgradeResult {
    std::optional<Upgraded> connection;
    std::optional<Response> refused;
  };
  Result<UpgradeResult> Upgrade(Request request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::http
