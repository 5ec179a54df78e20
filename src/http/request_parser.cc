#include "request_parser.h"

#include <exception>

#include <boost/beast/http/basic_parser.hpp>

#include "chunk_guard.h"

namespace estiba::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::http::basic_parser;
using beast::http::verb;
using BeastView = beast::string_view;

std::string Copy(BeastView view) { return std::string(view.data(), view.size()); }

// The callbacks of basic_parser; their names are Beast's.
class Parser final : public basic_parser</*isRequest=*/true> {
 public:
  RequestHead head;
  std::string body;
  ChunkGuard guard;
  bool finished = false;

 private:
  void on_request_impl(verb, BeastView method, BeastView target, int version, error_code& ec) override {
    ec = {};
    head.method = Copy(method);
    head.target = Copy(target);
    head.version = static_cast<unsigned>(version);
  }
  void on_response_impl(int, BeastView, int, error_code& ec) override { ec = {}; }
  void on_field_impl(beast::http::field, BeastView name, BeastView value, error_code& ec) override {
    ec = {};
    if (!is_header_done()) head.headers.Add(Copy(name), Copy(value));  // trailers are dropped
  }
  void on_header_impl(error_code& ec) override { ec = {}; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& ec) override { ec = {}; }
  std::size_t on_body_impl(BeastView bytes, error_code& ec) override {
    ec = {};
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, BeastView, error_code& ec) override {
    ec = {};
    guard.OnHeader(size);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView bytes, error_code& ec) override {
    ec = {};
    guard.OnContent(bytes.size());
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code& ec) override {
    ec = {};
    finished = true;
  }
};

// "http://host/path?query" (absolute form) is read as "/path?query".
std::string_view OriginForm(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

Status SplitTarget(RequestHead* head) {
  std::string_view target = OriginForm(head->target);
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  head->path = TRY(PercentDecode(target.substr(0, question)));
  if (question < target.size()) head->query = Query::Parse(target.substr(question + 1));
  return Ok();
}

Error FromBeast(const error_code& ec) {
  if (ec == beast::http::error::header_limit || ec == beast::http::error::buffer_overflow) {
    return Error(Code::kOutOfRange, "the request's head is too long");
  }
  if (ec == beast::http::error::bad_version)
    return Error(Code::kNotImplemented, "HTTP version not supported");
  return Error(Code::kInvalidArgument, "malformed HTTP request: " + ec.message());
}

}  // namespace

struct RequestParser::Impl {
  Parser parser;
};

RequestParser::RequestParser(std::size_t max_head) : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(static_cast<std::uint32_t>(max_head));
  impl_->parser.body_limit(boost::none);  // the connection limits bodies, by their delivery
  impl_->parser.eager(false);
}
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;
RequestParser::~RequestParser() = default;

Result<std::size_t> RequestParser::Feed(std::string_view bytes) {
  Parser& parser = impl_->parser;
  std::size_t used = 0;
  try {
    while (used < bytes.size() && !parser.is_done()) {
      const bool in_head = !parser.is_header_done();
      if (!in_head && parser.chunked() && parser.guard.MustWait(bytes.size() - used)) break;
      error_code ec;
      const std::size_t n =
          parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
      used += n;
      if (ec && ec != beast::http::error::need_more) return FromBeast(ec);
      if (in_head && parser.is_header_done()) {
        TRY(SplitTarget(&parser.head));
        return used;
      }
      if (n == 0) break;
    }
  } catch (const std::exception& failure) {
    return Error(Code::kResourceExhausted, std::string("parse HTTP request: ") + failure.what());
  }
  return used;
}

bool RequestParser::head_done() const { return impl_->parser.is_header_done(); }
bool RequestParser::done() const { return impl_->parser.is_done(); }
const RequestHead& RequestParser::head() const { return impl_->parser.head; }
bool RequestParser::keep_alive() const { return impl_->parser.keep_alive(); }
bool RequestParser::expects_continue() const { return head().headers.HasToken("Expect", "100-continue"); }

std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = impl_->parser.content_length();
  if (!length) return std::nullopt;
  return *length;
}

std::string RequestParser::TakeBody() { return std::exchange(impl_->parser.body, {}); }

}  // namespace estiba::http
