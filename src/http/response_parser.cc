#include "response_parser.h"

#include <exception>

#include <boost/beast/http/basic_parser.hpp>

#include "chunk_guard.h"

namespace estiba::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using BeastView = beast::string_view;

constexpr std::uint32_t kMaxHead = 256 * 1024;

// The callbacks of basic_parser; their names are Beast's.
class Parser final : public beast::http::basic_parser</*isRequest=*/false> {
 public:
  int status = 0;
  Headers headers;
  std::string body;
  ChunkGuard guard;

 private:
  void on_request_impl(beast::http::verb, BeastView, BeastView, int, error_code& ec) override { ec = {}; }
  void on_response_impl(int code, BeastView, int, error_code& ec) override {
    ec = {};
    status = code;
  }
  void on_field_impl(beast::http::field, BeastView name, BeastView value, error_code& ec) override {
    ec = {};
    if (is_header_done()) return;  // trailers are dropped
    headers.Add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
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
  void on_finish_impl(error_code& ec) override { ec = {}; }
};

}  // namespace

struct ResponseParser::Impl {
  Parser parser;
};

ResponseParser::ResponseParser(bool to_head) : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(kMaxHead);
  impl_->parser.body_limit(boost::none);  // read as it comes; nothing is kept here
  impl_->parser.eager(true);
  impl_->parser.skip(to_head);
}
ResponseParser::~ResponseParser() = default;

Result<std::size_t> ResponseParser::Feed(std::string_view bytes) {
  Parser& parser = impl_->parser;
  if (parser.is_done() || bytes.empty()) return std::size_t{0};
  if (parser.is_header_done() && parser.chunked() && parser.guard.MustWait(bytes.size())) return std::size_t{0};
  try {
    error_code ec;
    const std::size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
    if (ec && ec != beast::http::error::need_more) {
      return Error(Code::kDataLoss, "malformed HTTP response: " + ec.message());
    }
    return used;
  } catch (const std::exception& failure) {
    return Error(Code::kResourceExhausted, std::string("parse HTTP response: ") + failure.what());
  }
}

Status ResponseParser::FeedEnd() {
  Parser& parser = impl_->parser;
  if (parser.is_done()) return Ok();
  error_code ec = beast::http::error::end_of_stream;
  if (parser.got_some()) parser.put_eof(ec);
  if (ec) return Error(Code::kDataLoss, "the connection to the engine ended in the middle of an answer");
  return Ok();
}

bool ResponseParser::head_done() const { return impl_->parser.is_header_done(); }
bool ResponseParser::done() const { return impl_->parser.is_done(); }
int ResponseParser::status() const { return impl_->parser.status; }
const Headers& ResponseParser::headers() const { return impl_->parser.headers; }
bool ResponseParser::keep_alive() const { return impl_->parser.keep_alive(); }
std::string ResponseParser::TakeBody() { return std::exchange(impl_->parser.body, {}); }

}  // namespace estiba::http
