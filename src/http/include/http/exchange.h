#pragma once
// One request and its answer. A handler keeps the shared pointer as long as it needs and may use it from any
// thread; an exchange dropped without an answer is answered with 500.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "os/fd.h"
#include "os/socket.h"

namespace estiba::http {

// What Write() found.
enum class WriteState : unsigned char {
  kOk,
  kFull,  // taken, but the peer reads slowly: write no more until OnDrained
  kGone,  // the connection has ended; nothing was taken
};

// A connection that is no longer the server's.
struct Detached {
  os::UniqueFd fd;        // non-blocking
  std::string leftover;   // bytes the client sent after its request
  bool upgraded = false;  // 101 was written rather than 200
};

// A WebSocket (RFC 6455) in the place of a connection.
struct WebSocketOptions {
  std::string accept;  // the field Sec-WebSocket-Accept, made from WebSocketChallenge()
  bool text = false;   // output in text frames
  // What of the stream's bytes is for the client; all of it when unset. On the loop's thread.
  std::function<std::string(std::string_view bytes)> payload{};
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const RequestHead& head() const = 0;
  const std::string& method() const { return head().method; }
  const std::string& path() const { return head().path; }
  const Query& query() const { return head().query; }
  const Headers& headers() const { return head().headers; }
  // SO_PEERCRED of a UNIX socket; pid 0, uid and gid -1 for others.
  virtual const os::PeerCredentials& peer() const = 0;

  // The whole body (BodyMode::kBuffer).
  virtual const std::string& body() const = 0;
  // The body as it comes (BodyMode::kPipe): the read end of a pipe, once. End of file comes when the body
  // ends or the client goes; body_complete() tells which.
  virtual os::UniqueFd TakeBody() = 0;
  virtual bool body_complete() const = 0;
  // A descriptor that came beside the head of the request (UNIX sockets), once; invalid when there was none. The
  // headers say what it is for; it may be of any kind.
  virtual os::UniqueFd TakeDescriptor() = 0;

  // The whole answer at once. Adds Content-Length, Date and the server's own fields.
  virtual void Respond(int status, Headers headers, std::string body) = 0;
  // The head goes out now; the body follows by Write() in chunks (to the end of the connection for HTTP/1.0).
  virtual void StartStream(int status, Headers headers) = 0;
  virtual WriteState Write(std::string_view bytes) = 0;
  // As Write, but first waits while the peer is slow. False when the peer has gone, or has taken nothing for
  // ServerOptions::write_timeout (the connection is closed then). Never on the loop's thread.
  virtual bool WriteBlocking(std::string_view bytes) = 0;
  // Everything that comes from a pipe until its end, as WriteBlocking() would write it, but from pipe to socket within
  // the kernel where it can (splice(2)). Bytes may be left in the pipe when the answer is false. The
  // process has to ignore SIGPIPE.
  virtual bool WriteFrom(int pipe) = 0;
  // Ends a stream.
  virtual void Finish() = 0;
  // Ends the connection without a proper end of the stream, so that the client sees that it was cut.
  virtual void Abort() = 0;
  virtual bool answered() const = 0;  // Respond, StartStream or Detach has been called

  // Takes the connection out of the server after writing "HTTP/1.1 101 UPGRADED" with Connection: Upgrade and
  // Upgrade: tcp when the client sent an Upgrade field, else "HTTP/1.1 200 OK"; both with `content_type`.
  // With `settle`, waits up to that long until the client has read this head (UNIX sockets): some clients
  // lose what comes in the same read. Never on the loop's thread then.
  virtual Result<Detached> Detach(std::string_view content_type,
                                  std::chrono::milliseconds settle = std::chrono::milliseconds(0)) = 0;

  // Takes the connection as a WebSocket, and answers the other end of it as a stream: what is written there the client
  // gets as frames, what it sends in frames can be read there. The stream's end closes the WebSocket, and the other way
  // round. It is passed on for as long as the server lives.
  virtual Result<os::UniqueFd> OpenWebSocket(WebSocketOptions options) = 0;

  // `callback` runs once on the loop's thread when the client has gone (or shut down its side) before the
  // answer was whole; at once (posted) when that has happened already. Several may be set.
  virtual void OnPeerGone(std::function<void()> callback) = 0;
  virtual bool peer_gone() const = 0;
  // `callback` runs once on the loop's thread when a full stream has room again or the peer has gone.
  virtual void OnDrained(std::function<void()> callback) = 0;
};

}  // namespace estiba::http
