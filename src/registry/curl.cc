#include "curl.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include <curl/curl.h>

#include "base/text.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxErrorBody = 64U << 10;
constexpr long kMaxRedirects = 5;
constexpr long kUploadBuffer = 1L << 20;
constexpr const char* kUserAgent = "estiba/0.1";

struct FreeList {
  void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
};

struct Exchange {
  const Request& request;
  const std::atomic<bool>* stop;
  CURL* handle;
  Response response;
  std::optional<Error> failure;  // of the body or upload function
  std::uint64_t sent = 0;
  bool answered = false;  // since the body was begun
  char text[CURL_ERROR_SIZE] = {};
};

std::size_t OnHeader(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line = Trim(std::string_view(bytes, size * count));
  if (line.starts_with("HTTP/")) {
    exchange.response = {};  // the next answer of a chain of redirects
    exchange.answered = true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  const std::string name = ToLower(line.substr(0, colon));
  const std::string value(Trim(line.substr(colon + 1)));
  if (name == "content-type") exchange.response.content_type = value.substr(0, value.find(';'));
  Response& response = exchange.response;
  const std::pair<std::string_view, std::string*> kept[] = {
      {"content-range", &response.content_range}, {"retry-after", &response.retry_after},
      {"location", &response.location},           {"range", &response.range},
      {"docker-content-digest", &response.digest}, {"oci-subject", &response.subject},
      {"oci-chunk-min-length", &response.chunk_min_length}};
  for (const auto& [known, field] : kept)
    if (name == known) *field = value;
  if (name == "link") response.link += (response.link.empty() ? "" : ", ") + value;
  // Several may be offered: a bearer token is what registries want.
  if (name == "www-authenticate" && (exchange.response.authenticate.empty() || ToLower(value).starts_with("bearer")))
    exchange.response.authenticate = value;
  return size * count;
}

std::size_t OnBody(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view piece(bytes, size * count);
  ::curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &exchange.response.status);
  if (exchange.response.status / 100 == 2 && exchange.request.body) {
    Status taken = exchange.request.body(exchange.response, piece);
    if (taken.ok()) return piece.size();
    exchange.failure = std::move(taken).error();
    return 0;
  }
  if (exchange.response.body.size() < kMaxErrorBody) exchange.response.body.append(piece.substr(0, kMaxErrorBody));
  return piece.size();
}

std::size_t OnUpload(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const Upload& upload = *exchange.request.upload;
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(size * count, upload.size - exchange.sent));
  if (room == 0) return 0;
  auto read = upload.read(exchange.sent, bytes, room);
  if (!read.ok()) {
    exchange.failure = std::move(read).error();
    return CURL_READFUNC_ABORT;
  }
  exchange.answered = false;
  exchange.sent += *read;
  if (upload.progress) upload.progress(exchange.sent);
  return *read;
}

int OnSeek(void* user, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(user);
  // A redirect wants the body again. So does libcurl by itself when a kept connection broke; what went over that one
  // has arrived, though, and sending it once more to the same upload would double it.
  if (!exchange.answered && exchange.sent > 0) return CURL_SEEKFUNC_FAIL;
  if (origin != SEEK_SET || offset < 0 || static_cast<std::uint64_t>(offset) > exchange.request.upload->size)
    return CURL_SEEKFUNC_CANTSEEK;
  exchange.sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& exchange = *static_cast<Exchange*>(user);
  for (const std::atomic<bool>* stop : {exchange.stop, exchange.request.stop})
    if (stop != nullptr && stop->load()) return 1;
  return 0;
}

// A chain that ends nowhere we know; not a name or a date that is wrong.
bool IsUnknownAuthority(CURL* handle) {
  long result = 0;
  ::curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &result);
  constexpr std::array<long, 4> kUnknown{18, 19, 20, 21};  // X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT and the like
  return std::ranges::find(kUnknown, result) != kUnknown.end();
}

Trouble TroubleOf(CURL* handle, CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return Trouble::kUnreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
      return IsUnknownAuthority(handle) ? Trouble::kUnknownAuthority : Trouble::kTls;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return Trouble::kTls;
    default: return Trouble::kBroken;
  }
}

curl_slist* Headers(const Request& request) {
  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) list = ::curl_slist_append(list, header.c_str());
  // A registry that never says "100 Continue" would cost a second for each upload.
  if (request.upload) list = ::curl_slist_append(list, "Expect:");
  return list;
}

void SetUpUpload(CURL* handle, const Upload& upload, Exchange& exchange) {
  ::curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
  ::curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(upload.size));
  ::curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  ::curl_easy_setopt(handle, CURLOPT_READFUNCTION, OnUpload);
  ::curl_easy_setopt(handle, CURLOPT_READDATA, &exchange);
  ::curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, OnSeek);
  ::curl_easy_setopt(handle, CURLOPT_SEEKDATA, &exchange);
}

void SetUpMethod(CURL* handle, const Request& request, Exchange& exchange) {
  if (!request.form.empty()) ::curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, request.form.c_str());
  if (request.upload) SetUpUpload(handle, *request.upload, exchange);
  if (request.method == "HEAD") {
    ::curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (!request.method.empty()) {
    ::curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void SetBlob(CURL* handle, CURLoption option, const std::string& pem) {
  if (pem.empty()) return;
  curl_blob blob{};
  blob.data = const_cast<char*>(pem.data());  // only read; the caller's trust outlives the exchange
  blob.len = pem.size();
  blob.flags = CURL_BLOB_NOCOPY;
  ::curl_easy_setopt(handle, option, &blob);
}

// As OpenSSL and what is built on Go look for the machine's own authorities.
void SetUpAuthorities(CURL* handle) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nothing here changes the environment
  if (const char* file = std::getenv("SSL_CERT_FILE")) ::curl_easy_setopt(handle, CURLOPT_CAINFO, file);
  if (const char* folder = std::getenv("SSL_CERT_DIR")) ::curl_easy_setopt(handle, CURLOPT_CAPATH, folder);
  // NOLINTEND(concurrency-mt-unsafe)
}

void SetUpTls(CURL* handle, const Request& request) {
  ::curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, request.verify_tls ? 1L : 0L);
  ::curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, request.verify_tls ? 2L : 0L);
  SetUpAuthorities(handle);
  if (request.trust == nullptr) return;
  // In the place of CAINFO; the machine's own stay by CAPATH.
  SetBlob(handle, CURLOPT_CAINFO_BLOB, request.trust->ca);
  SetBlob(handle, CURLOPT_SSLCERT_BLOB, request.trust->cert);
  SetBlob(handle, CURLOPT_SSLKEY_BLOB, request.trust->key);
}

void SetUp(CURL* handle, const Request& request, const Curl::Options& options, Exchange& exchange,
           curl_slist* headers) {
  ::curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  ::curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
  ::curl_easy_setopt(handle, CURLOPT_USERAGENT, kUserAgent);
  const char* protocols = request.allow_http ? "http,https" : "https";
  ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, protocols);
  ::curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  // libcurl drops the Authorization header when a redirect leads to another host or port. A form has a secret in it
  // and would be sent again: it goes nowhere but where it was meant to.
  ::curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, request.form.empty() ? 1L : 0L);
  ::curl_easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirects);
  SetUpTls(handle, request);
  // Else HTTPS_PROXY, http_proxy, ALL_PROXY and NO_PROXY apply, as libcurl reads them.
  if (request.direct) ::curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);  // there are threads
  ::curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  ::curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  const std::chrono::seconds stall = request.stall_timeout.value_or(options.stall_timeout);
  ::curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall.count()));
  ::curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L << 10);
  ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, exchange.text);
  ::curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  ::curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
  ::curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  ::curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  ::curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, OnProgress);
  ::curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &exchange);
  ::curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  if (!request.basic_auth.empty()) {
    ::curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    ::curl_easy_setopt(handle, CURLOPT_USERPWD, request.basic_auth.c_str());
  }
  SetUpMethod(handle, request, exchange);
  const std::string end = request.range_end > 0 ? std::to_string(request.range_end - 1) : "";
  if (request.range_start > 0 || request.range_end > 0)
    ::curl_easy_setopt(handle, CURLOPT_RANGE, (std::to_string(request.range_start) + "-" + end).c_str());
}

}  // namespace

Upload UploadOf(std::string_view bytes) {
  Upload out;
  out.size = bytes.size();
  out.read = [bytes](std::uint64_t at, char* to, std::size_t room) -> Result<std::size_t> {
    return bytes.copy(to, room, static_cast<std::size_t>(at));
  };
  return out;
}

Curl::~Curl() {
  for (void* handle : *idle_.Lock()) ::curl_easy_cleanup(handle);
}

Result<void*> Curl::Take() {
  {
    auto idle = idle_.Lock();
    if (!idle->empty()) {
      void* handle = idle->back();
      idle->pop_back();
      return handle;
    }
  }
  void* handle = ::curl_easy_init();
  if (handle == nullptr) return Error(Code::kResourceExhausted, "start an HTTP client");
  return handle;
}

void Curl::Return(void* handle) {
  ::curl_easy_reset(handle);  // keeps the connections
  idle_.Lock()->push_back(handle);
}

Result<Response> Curl::Perform(const Request& request, Trouble* trouble) {
  void* handle = TRY(Take());
  Exchange exchange{request, options_.stop, handle, {}, std::nullopt, 0, false, {}};
  const std::unique_ptr<curl_slist, FreeList> headers(Headers(request));
  SetUp(handle, request, options_, exchange, headers.get());
  const CURLcode code = ::curl_easy_perform(handle);
  ::curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &exchange.response.status);
  const char* url = nullptr;
  ::curl_easy_getinfo(handle, CURLINFO_EFFECTIVE_URL, &url);
  exchange.response.url = url == nullptr ? "" : url;
  if (code != CURLE_OK) *trouble = TroubleOf(handle, code);
  Return(handle);
  if (exchange.failure) return std::move(*exchange.failure);
  if (code == CURLE_OK) return std::move(exchange.response);
  if (code == CURLE_ABORTED_BY_CALLBACK) return Error(Code::kCancelled, "the transfer was stopped");
  return Error(Code::kUnavailable, exchange.text[0] != '\0' ? exchange.text : ::curl_easy_strerror(code));
}

}  // namespace estiba::registry
