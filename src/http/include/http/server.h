#pragma once
// HTTP/1.1 on listening sockets that were opened elsewhere. The loop's thread owns every connection; handlers
// run on a bounded pool and may block.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/result.h"
#include "http/exchange.h"
#include "http/loop.h"
#include "os/fd.h"

namespace estiba::http {

// How a request's body is delivered; decided from its head.
enum class BodyMode : unsigned char {
  kBuffer,  // whole, at most ServerOptions::max_body
  kPipe,    // as it comes, any size
};

struct ServerOptions {
  std::size_t max_connections = 2048;
  std::size_t max_head = 64 * 1024;
  std::size_t max_body = 16U << 20;
  std::chrono::milliseconds head_timeout{20000};   // from a request's first byte to the end of its head
  std::chrono::milliseconds body_timeout{60000};   // without any progress
  std::chrono::milliseconds idle_timeout{180000};  // between requests
  // A client that takes no byte for so long of what a worker waits to write, or of a finished answer, is cut off.
  // Long: someone may be reading a pager.
  std::chrono::milliseconds write_timeout{600000};
  std::size_t workers = 48;
  Headers fields{};                                         // added to every response
  std::function<BodyMode(const RequestHead&)> body_mode{};  // unset: kBuffer
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

class Server {
 public:
  // `loop` outlives the server. Create, Listen and the destructor on the loop's thread or while it does not
  // run.
  static Result<std::unique_ptr<Server>> Create(Loop* loop, ServerOptions options, Handler handler);
  virtual ~Server() = default;
  // A listening stream socket, UNIX or TCP.
  virtual Status Listen(os::UniqueFd listener) = 0;
  // A connection that was accepted elsewhere. On the loop's thread.
  virtual Status Adopt(os::UniqueFd connection) = 0;
  // Closes listeners and idle connections; requests under way are answered.
  virtual void StopListening() = 0;
  // WebSockets, too; other connections that were taken over are not the server's any more.
  virtual std::size_t connections() const = 0;
};

}  // namespace estiba::http
