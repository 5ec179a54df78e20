#pragma once
// One HTTP exchange over libcurl, typed; handles are pooled so that connections are reused.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "oci/registry_endpoint.h"

namespace estiba::registry {

// A body that is sent: `size` bytes, read when they are needed and again when a redirect wants them.
struct Upload {
  std::uint64_t size = 0;
  // At most `room` bytes from `at` on to `out`; answers how many, 0 never.
  std::function<Result<std::size_t>(std::uint64_t at, char* out, std::size_t room)> read;
  std::function<void(std::uint64_t sent)> progress = {};
};
// The bytes outlive the request.
Upload UploadOf(std::string_view bytes);

struct Request {
  std::string method = {};   // empty: GET
  std::string url = {};
  std::vector<std::string> headers;
  std::string form;          // not empty: a POST of it
  std::optional<Upload> upload;  // of PUT, POST and PATCH
  std::optional<std::chrono::seconds> stall_timeout;  // instead of the client's
  std::string basic_auth;    // "user:password"
  bool allow_http = false;   // plain HTTP, also after a redirect
  bool verify_tls = true;
  bool direct = false;       // past any proxy of the environment
  const oci::RegistryEndpoint* trust = nullptr;  // its certificates and keys
  std::uint64_t range_start = 0;
  std::uint64_t range_end = 0;  // the byte after the last; 0: all that follow
  const std::atomic<bool>* stop = nullptr;  // besides the client's
  // Body of a 2xx answer. Called with the answer's head complete; its error ends the exchange.
  std::function<Status(const struct Response&, std::string_view)> body;
};

struct Response {
  long status = 0;
  std::string content_type;
  std::string authenticate;   // WWW-Authenticate, the one we can use
  std::string content_range;
  std::string retry_after;
  std::string url;             // that answered, after redirects
  std::string location;
  std::string range;
  std::string link;
  std::string digest;          // Docker-Content-Digest
  std::string subject;         // OCI-Subject
  std::string chunk_min_length;  // OCI-Chunk-Min-Length
  std::string body;           // of other answers, at most 64 KiB: an error's text
};

// How an exchange that got no whole answer ended.
enum class Trouble : unsigned char { kUnreachable, kTls, kUnknownAuthority, kBroken };

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
