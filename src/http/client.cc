#include "http/client.h"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "os/socket.h"
#include "response_head.h"
#include "response_parser.h"

namespace estiba::http {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;

// A connection with the bytes read from it and not yet used.
struct Wire {
  os::UniqueFd fd;
  std::string buffer;
};

Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::Errno(errno, "send to the engine");
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Ok();
}

// False at the end of the connection.
Result<bool> Fill(Wire* wire) {
  char buffer[kReadSize];
  ssize_t n = 0;
  do {
    n = ::recv(wire->fd.get(), buffer, sizeof buffer, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return Error::Errno(errno, "receive from the engine");
  wire->buffer.append(buffer, static_cast<std::size_t>(n));
  return n > 0;
}

std::string WriteRequestHead(const Request& request) {
  std::string out = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.Has("Host")) out += "Host: estiba\r\n";
  for (const auto& [name, value] : request.headers.fields()) out += name + ": " + value + "\r\n";
  if (request.body_fd >= 0) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return out + "\r\n";
}

Status SendHead(int fd, const Request& request) {
  const std::string head = WriteRequestHead(request);
  if (request.pass_fd < 0) return SendAll(fd, head);
  return TRY_CTX(os::SendMessage(fd, head, {request.pass_fd}), "send to the engine");
}

Status SendBody(int fd, const Request& request) {
  if (request.body_fd < 0) return SendAll(fd, request.body);
  char buffer[kReadSize];
  for (;;) {
    const ssize_t n = ::read(request.body_fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read what to send");
    if (n == 0) return SendAll(fd, "0\r\n\r\n");
    TRY(SendAll(fd, Chunk(std::string_view(buffer, static_cast<std::size_t>(n)))));
    if (request.body_sent) request.body_sent(static_cast<std::size_t>(n));
  }
}

class StreamImpl final : public ResponseStream {
 public:
  StreamImpl(std::unique_ptr<Wire> wire, std::unique_ptr<ResponseParser> parser, std::unique_ptr<Wire>* home)
      : wire_(std::move(wire)), parser_(std::move(parser)), home_(home) {}

  int status() const override { return parser_->status(); }
  const Headers& headers() const override { return parser_->headers(); }
  int fd() const override { return wire_ ? wire_->fd.get() : -1; }
  bool has_buffered() const override { return !text_.empty() || (wire_ && !wire_->buffer.empty()); }

  Result<std::string> Read() override {
    if (text_.empty()) TRY(Pull());
    return std::exchange(text_, {});
  }

  Result<std::optional<std::string>> ReadLine() override {
    std::size_t searched = 0;
    for (;;) {
      const std::size_t end = text_.find('\n', searched);
      if (end != std::string::npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        if (line.ends_with('\r')) line.pop_back();
        return std::optional<std::string>(std::move(line));
      }
      searched = text_.size();
      const bool more = TRY(Pull());
      if (more) continue;
      if (text_.empty()) return std::optional<std::string>();
      return std::optional<std::string>(std::exchange(text_, {}));
    }
  }

  Result<std::string> ReadAll() override {
    for (;;) {
      const bool more = TRY(Pull());
      if (!more) return std::exchange(text_, {});
    }
  }

  // The wire with what follows the response, for an upgrade.
  std::unique_ptr<Wire> TakeWire() { return std::move(wire_); }

 private:
  // Appends body bytes to `text_`; false at the end of the body.
  Result<bool> Pull() {
    while (wire_) {
      const std::size_t used = TRY(parser_->Feed(wire_->buffer));
      wire_->buffer.erase(0, used);
      std::string bytes = parser_->TakeBody();
      const bool done = parser_->done();
      if (done) GiveBack();
      if (!bytes.empty()) {
        text_ += bytes;
        return true;
      }
      if (done) break;
      const bool more = TRY(Fill(wire_.get()));
      if (more) continue;
      TRY(parser_->FeedEnd());
      wire_.reset();
    }
    return false;
  }

  void GiveBack() {
    if (home_ != nullptr && parser_->keep_alive() && wire_->buffer.empty()) *home_ = std::move(wire_);
    wire_.reset();
  }

  std::unique_ptr<Wire> wire_;  // null once the body is read
  std::unique_ptr<ResponseParser> parser_;
  std::unique_ptr<Wire>* home_;
  std::string text_;
};

// Reads up to the end of the head, over any 100 Continue.
Result<std::unique_ptr<StreamImpl>> ReadHead(std::unique_ptr<Wire> wire, bool to_head,
                                             std::unique_ptr<Wire>* home) {
  auto parser = std::make_unique<ResponseParser>(to_head);
  for (;;) {
    const std::size_t used = TRY(parser->Feed(wire->buffer));
    wire->buffer.erase(0, used);
    if (parser->head_done()) {
      if (parser->status() != 100) {
        return std::make_unique<StreamImpl>(std::move(wire), std::move(parser), home);
      }
      parser = std::make_unique<ResponseParser>(to_head);
      if (!wire->buffer.empty()) continue;
    }
    const bool more = TRY(Fill(wire.get()));
    if (!more) return Error::Errno(ECONNRESET, "wait for the engine's answer");
  }
}

}  // namespace

struct Client::Impl {
  std::function<Result<os::UniqueFd>()> connect;
  std::unique_ptr<Wire> idle;  // a connection for the next request
  // Streams give their connection back here; they must not outlive the client.

  Result<std::unique_ptr<StreamImpl>> Try(std::unique_ptr<Wire> wire, const Request& request) {
    Status sent = SendHead(wire->fd.get(), request);
    if (sent.ok()) sent = SendBody(wire->fd.get(), request);
    // A server that refuses the body answers and closes its side while we still send: read what it said.
    if (!sent.ok() && sent.error().errnum() != EPIPE && sent.error().errnum() != ECONNRESET) {
      return std::move(sent).error();
    }
    auto stream = ReadHead(std::move(wire), request.method == "HEAD", &idle);
    if (!stream.ok() && !sent.ok()) return std::move(sent).error();
    return stream;
  }

  Result<std::unique_ptr<StreamImpl>> Begin(const Request& request) {
    if (idle && request.body_fd < 0) {
      // The server may have closed an idle connection meanwhile: then once more on a new one.
      char byte = 0;
      const ssize_t n = ::recv(idle->fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return Try(std::move(idle), request);
      idle.reset();
    }
    auto wire = std::make_unique<Wire>();
    wire->fd = TRY(connect());
    return Try(std::move(wire), request);
  }
};

Client::Client(std::string socket_path)
    : Client([path = std::move(socket_path)] { return os::ConnectUnix(path, SOCK_STREAM); }) {}
Client::Client(std::function<Result<os::UniqueFd>()> connect) : impl_(std::make_unique<Impl>()) {
  impl_->connect = std::move(connect);
}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<std::unique_ptr<ResponseStream>> Client::Open(const Request& request) {
  return std::unique_ptr<ResponseStream>(TRY(impl_->Begin(request)));
}

Result<Response> Client::Send(const Request& request) {
  const std::unique_ptr<StreamImpl> stream = TRY(impl_->Begin(request));
  Response response{stream->status(), stream->headers(), ""};
  response.body = TRY(stream->ReadAll());
  return response;
}

Result<Client::UpgradeResult> Client::Upgrade(Request request) {
  request.headers.Set("Connection", "Upgrade");
  request.headers.Set("Upgrade", "tcp");
  const std::unique_ptr<StreamImpl> stream = TRY(impl_->Begin(request));
  UpgradeResult result;
  if (stream->status() == 101) {
    std::unique_ptr<Wire> wire = stream->TakeWire();
    result.connection = Upgraded{std::move(wire->fd), std::move(wire->buffer), stream->headers()};
    return result;
  }
  std::string body = TRY(stream->ReadAll());
  result.refused = Response{stream->status(), stream->headers(), std::move(body)};
  return result;
}

}  // namespace estiba::http
