#pragma once
// One connection's TLS on a non-blocking socket.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tls/context.h"

struct ssl_st;

namespace estiba::tls {

class Session {
 public:
  // The socket is borrowed.
  static Result<Session> Accept(const Context& context, int socket);
  // `host`: a name or an address, which the server's certificate has to be for where the context verifies.
  static Result<Session> Connect(const Context& context, int socket, const std::string& host);

  enum class Outcome : unsigned char {
    kDone,       // something was moved
    kWantRead,   // again when the socket is readable
    kWantWrite,  // or writable
    kEnded,      // of Read: the other side has said that no more comes (close_notify)
    kFailed,     // nothing may be done with it any more; failure() says why
  };
  Outcome Handshake();
  Outcome Read(std::span<char> buffer, std::size_t* got);
  Outcome Write(std::string_view bytes, std::size_t* put);
  // Says that no more comes from here.
  Outcome SayEnd();

  // Bytes that were received already, so that the socket need not become readable for them.
  bool HasReceived() const;
  const std::string& failure() const { return failure_; }
  // What came first was a request in plain HTTP.
  bool failed_by_http() const { return failed_by_http_; }
  // The subject of the other side's certificate ("CN=me,O=us"), "" when it has shown none.
  std::string PeerName() const;
  // "TLSv1.3".
  std::string Version() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  explicit Session(ssl_st* ssl) : ssl_(ssl) {}
  static Result<Session> Make(const Context& context, int socket);
  Outcome Judge(int result);

  std::unique_ptr<ssl_st, Free> ssl_;
  std::string failure_;
  bool failed_by_http_ = false;
};

}  // namespace estiba::tls
