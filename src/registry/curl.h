#pragma once
// One HTTP exchange over libcurl, typed; handles are pooled so that connections are reused.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"

namespace estiba::registry {

struct Request {
  std::string url;
  std::vector<std::string> headers;
  std::string form;          // not empty: a POST of it
  std::string basic_auth;    // "user:password"
  bool allow_http = false;   // plain HTTP, also after a redirect
  bool verify_tls = true;
  bool direct = false;       // past any proxy of the environment
  std::uint64_t range_start = 0;
  // Body of a 2xx answer. Called with the answer's head complete; its error ends the exchange.
  std::function<Status(const struct Response&, std::string_view)> body;
};

struct Response {
  long status = 0;
  std::string content_type;
  std::string authenticate;   // WWW-Authenticate, the one we can use
  std::string content_range;
  std::string retry_after;
  std::string body;           // of other answers, at most 64 KiB: an error's text
};

// How an exchange that got no whole answer ended.
enum class Trouble : unsigned char { kUnreachable, kTls, kBroken };

class Curl {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout;
    std::chrono::seconds stall_timeout;
    const std::atomic<bool>* stop = nullptr;
  };
  explicit Curl(const Options& options) : options_(options) {}
  Curl(Curl&& other) = delete;
  ~Curl();

  // Any status is an answer. Errors: kUnavailable (`trouble` says which), kCancelled, or the body function's own.
  Result<Response> Perform(const Request& request, Trouble* trouble);

 private:
  Result<void*> Take();
  void Return(void* handle);

  Options options_;
  Guarded<std::vector<void*>> idle_;
};

}  // namespace estiba::registry
