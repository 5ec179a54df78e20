#include "registry/client.h"

#include <algorithm>
#include <array>
#include <map>
#include <thread>
#include <utility>

#include <curl/curl.h>

#include "base/guarded.h"
#include "base/parse.h"
#include "base/text.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "curl.h"
#include "oci/reference.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxManifest = 4U << 20;
constexpr std::size_t kMaxToken = 64U << 10;
constexpr std::chrono::seconds kMaxRetryAfter{60};
constexpr unsigned kMaxAttempts = 50;  // of one blob, with progress or without

constexpr std::array<std::string_view, 4> kManifestTypes{
    oci::media::kOciIndex, oci::media::kDockerIndex, oci::media::kOciManifest, oci::media::kDockerManifest};

// The host that serves a name's domain.
std::string ServerOf(const std::string& host) { return host == "docker.io" ? "registry-1.docker.io" : host; }

std::string Escape(const std::string& text) {
  char* escaped = ::curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  std::string out = escaped == nullptr ? std::string() : escaped;
  ::curl_free(escaped);
  return out;
}

// "unauthorized: authentication required" from a registry's {"errors":[{"code":…,"message":…}]}.
std::string ErrorText(const Response& response) {
  const auto json = codec::ParseJson(response.body);
  const codec::Json* errors = json.ok() ? json->Find("errors") : nullptr;
  if (errors == nullptr || !errors->IsArray() || errors->empty()) return "status " + std::to_string(response.status);
  const codec::Json& first = errors->IfArray()->front();
  std::string code = ToLower(first.GetString("code"));
  std::ranges::replace(code, '_', ' ');
  std::string text = code.substr(0, 200) + ": " + first.GetString("message").substr(0, 500);
  // What a registry sends is printed on terminals.
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return text;
}

bool IsTransient(long status) { return status == 429 || status == 408 || status / 100 == 5; }

}  // namespace

bool IsLoopback(std::string_view host) {
  std::string_view name = host;
  if (name.starts_with('[')) {
    name = name.substr(1, name.find(']') - 1);
    return name == "::1";
  }
  name = name.substr(0, name.find(':'));
  if (name == "localhost") return true;
  const auto parts = Split(name, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::ranges::all_of(parts, [](const std::string& part) { return ParseUint(part, 255).ok(); });
}

struct Client::Impl {
  explicit Impl(ClientOptions given)
      : options(std::move(given)),
        lenient(options.insecure || IsLoopback(options.host)),
        curl({options.connect_timeout, options.stall_timeout, options.stop}) {}

  Result<Response> Send(const std::string& repository, Request request, Trouble* trouble);
  Result<Response> SendAny(Request& request, Trouble* trouble);
  Result<std::string> Authorise(const std::string& repository, const Response& refused);
  Result<std::string> FetchToken(const Challenge& challenge, const std::string& scope);
  Status UseLogin(const Response& refused, std::string* authorization);
  Status Wait(unsigned failures, const std::string& retry_after) const;
  Error Unreachable(Error error) const;
  Error Refused(const Response& response, const std::string& what, const std::string& repository) const;
  Status BlobAttempt(const std::string& repository, const oci::Descriptor& blob, const codec::ByteSink& sink,
                     std::uint64_t* received, bool* retry, std::string* retry_after);

  ClientOptions options;
  bool lenient;
  Curl curl;
  std::atomic<bool> plain_http{false};                       // found out by the first exchange
  Guarded<std::map<std::string, std::string>> authorisation;  // repository → header value
  std::string fresh_identity;  // the identity token that the token service gave us (CheckLogin)
};

Error Client::Impl::Unreachable(Error error) const {
  return std::move(error).Context("connect to registry '" + options.host + "'");
}

Error Client::Impl::Refused(const Response& response, const std::string& what, const std::string& repository) const {
  const std::string text = ErrorText(response);
  if (response.status == 404) return Error(Code::kNotFound, what + " not found: " + text);
  if (response.status == 401 || response.status == 403)
    return Error(response.status == 401 ? Code::kUnauthenticated : Code::kPermissionDenied,
                 "pull access denied for " + repository +
                     ", repository does not exist or may require 'docker login': " + text);
  if (response.status == 429)
    return Error(Code::kResourceExhausted, "registry '" + options.host + "' has had too many requests: " + text);
  return Error(Code::kUnavailable, "registry '" + options.host + "' answered " +
                                       std::to_string(response.status) + " for " + what + ": " + text);
}

// HTTPS; plain HTTP when the host is lenient and does not speak TLS.
Result<Response> Client::Impl::SendAny(Request& request, Trouble* trouble) {
  const std::string path = request.url;
  const std::string server = ServerOf(options.host);
  request.allow_http = lenient;
  request.verify_tls = !lenient;
  request.direct = IsLoopback(options.host);  // a proxy's loopback is another machine's
  if (!plain_http.load()) {
    request.url = "https://" + server + path;
    auto answered = curl.Perform(request, trouble);
    const bool no_tls = !answered.ok() && answered.error().code() == Code::kUnavailable && lenient &&
                        *trouble == Trouble::kTls;
    if (!no_tls) return answered;
    plain_http.store(true);
  }
  request.url = "http://" + server + path;
  return curl.Perform(request, trouble);
}

// With the authorisation this repository needs, found out by the first refusal.
Result<Response> Client::Impl::Send(const std::string& repository, Request request, Trouble* trouble) {
  const std::string path = request.url;
  const std::vector<std::string> headers = request.headers;
  std::string value = (*authorisation.Lock())[repository];
  if (value.empty() && !options.credentials.registry_token.empty())
    value = "Bearer " + options.credentials.registry_token;
  if (!value.empty()) request.headers.push_back("Authorization: " + value);
  Response response = TRY(SendAny(request, trouble));
  if (response.status != 401 || response.authenticate.empty()) return response;
  value = TRY(Authorise(repository, response));
  if (value.empty()) return response;
  (*authorisation.Lock())[repository] = value;
  request.url = path;
  request.headers = headers;
  request.headers.push_back("Authorization: " + value);
  return SendAny(request, trouble);
}

// The value of an Authorization header that should do; empty when we have nothing to offer.
Result<std::string> Client::Impl::Authorise(const std::string& repository, const Response& refused) {
  const std::optional<Challenge> challenge = ParseChallenge(refused.authenticate);
  if (!challenge) return std::string();
  if (challenge->scheme == Challenge::Scheme::kBearer) {
    const std::string scope = challenge->scope.empty() ? "repository:" + repository + ":pull" : challenge->scope;
    const std::string token = TRY_CTX(FetchToken(*challenge, scope), "get a token for '" + options.host + "'");
    return "Bearer " + token;
  }
  if (options.credentials.username.empty()) return std::string();
  return "Basic " + codec::EncodeBase64(options.credentials.username + ":" + options.credentials.password);
}

Result<std::string> Client::Impl::FetchToken(const Challenge& challenge, const std::string& scope) {
  const bool http = challenge.realm.starts_with("http://");
  if (!challenge.realm.starts_with("https://") && !(http && lenient))
    return Error(Code::kPermissionDenied, "the token service '" + challenge.realm + "' is not reached by https");
  Request request;
  request.allow_http = lenient;
  request.verify_tls = !lenient;
  const auto service_host = oci::RegistryHost(challenge.realm);
  request.direct = service_host.ok() && IsLoopback(*service_host);
  request.url = challenge.realm;
  std::string query = "service=" + Escape(challenge.service);
  if (!scope.empty()) query += "&scope=" + Escape(scope);
  const bool login = scope.empty();
  if (!options.credentials.identity_token.empty()) {
    request.form = "grant_type=refresh_token&client_id=estiba&refresh_token=" +
                   Escape(options.credentials.identity_token) + "&" + query;
  } else {
    request.url += (challenge.realm.find('?') == std::string::npos ? "?" : "&") + query;
    if (login) request.url += "&client_id=estiba&offline_token=true";
    if (!options.credentials.username.empty())
      request.basic_auth = options.credentials.username + ":" + options.credentials.password;
  }
  std::string body;
  request.body = [&body](const Response&, std::string_view piece) -> Status {
    if (body.size() + piece.size() > kMaxToken) return Error(Code::kResourceExhausted, "the token is too large");
    body.append(piece);
    return Ok();
  };
  Trouble trouble{};
  const Response response = TRY(curl.Perform(request, &trouble));
  if (response.status / 100 != 2)
    return Error(response.status == 401 || response.status == 403 ? Code::kUnauthenticated : Code::kUnavailable,
                 "the token service answered: " + ErrorText(response));
  const codec::Json json = TRY(codec::ParseJson(body));
  std::string token = json.GetString("token");
  if (token.empty()) token = json.GetString("access_token");
  const bool clean = !token.empty() && std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7F; });
  if (!clean) return Error(Code::kUnauthenticated, "the token service sent no token");
  if (login) fresh_identity = json.GetString("refresh_token");
  return token;
}

// Before the next attempt; what the registry asks for, within reason.
Status Client::Impl::Wait(unsigned failures, const std::string& retry_after) const {
  std::chrono::milliseconds left = options.first_backoff * (1U << std::min(failures - 1, 6U));
  const auto asked = ParseUint(retry_after, 100'000);
  if (asked.ok()) left = std::min<std::chrono::milliseconds>(std::chrono::seconds(*asked), kMaxRetryAfter);
  constexpr std::chrono::milliseconds kStep{50};
  for (; left.count() > 0; left -= kStep) {
    if (options.stop != nullptr && options.stop->load()) return Error(Code::kCancelled, "the transfer was stopped");
    std::this_thread::sleep_for(std::min(left, kStep));
  }
  return Ok();
}

// The header that should do for /v2/ itself; the token then is for no repository.
Status Client::Impl::UseLogin(const Response& refused, std::string* authorization) {
  const std::optional<Challenge> challenge = ParseChallenge(refused.authenticate);
  if (!challenge) return Ok();
  if (challenge->scheme == Challenge::Scheme::kBearer) {
    *authorization = "Bearer " + TRY(FetchToken(*challenge, ""));
  } else if (!options.credentials.username.empty()) {
    *authorization =
        "Basic " + codec::EncodeBase64(options.credentials.username + ":" + options.credentials.password);
  }
  return Ok();
}

Result<std::string> Client::CheckLogin() {
  Trouble trouble{};
  Request request;
  request.url = "/v2/";
  request.body = [](const Response&, std::string_view) { return Ok(); };
  auto first = impl_->SendAny(request, &trouble);
  if (!first.ok()) return impl_->Unreachable(std::move(first).error());
  const std::string url = request.url;
  Response response = std::move(*first);
  std::string authorization;
  if (response.status == 401) {
    TRY_CTX(impl_->UseLogin(response, &authorization), "Get \"" + url + "\"");
    request.url = "/v2/";
    if (!authorization.empty()) request.headers.push_back("Authorization: " + authorization);
    response = TRY(impl_->SendAny(request, &trouble));
  }
  if (response.status == 200) return impl_->fresh_identity;
  const Code code = response.status == 401 || response.status == 403 ? Code::kUnauthenticated : Code::kUnavailable;
  return Error(code, "login attempt to " + url + " failed with status: " + std::to_string(response.status) +
                         (response.status == 401 ? " Unauthorized" : ""));
}

Result<Client> Client::Create(ClientOptions options) {
  if (options.host.empty()) return Error(Code::kInvalidArgument, "a registry needs a host");
  if (::curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Error(Code::kInternal, "start libcurl");
  return Client(std::make_unique<Impl>(std::move(options)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Result<FetchedManifest> Client::GetManifest(const std::string& repository, const std::string& tag_or_digest) {
  const bool by_digest = oci::IsDigest(tag_or_digest);
  const std::string what =
      "manifest for " + impl_->options.host + "/" + repository + (by_digest ? "@" : ":") + tag_or_digest;
  FetchedManifest out;
  Request request;
  request.url = "/v2/" + repository + "/manifests/" + tag_or_digest;
  for (const std::string_view type : kManifestTypes) request.headers.push_back("Accept: " + std::string(type));
  request.body = [&](const Response&, std::string_view piece) -> Status {
    if (out.bytes.size() + piece.size() > kMaxManifest)
      return Error(Code::kResourceExhausted, what + " is larger than 4 MiB");
    out.bytes.append(piece);
    return Ok();
  };
  for (unsigned failures = 1;; ++failures) {
    out.bytes.clear();
    Trouble trouble{};
    auto answered = impl_->Send(repository, request, &trouble);
    const bool broken = !answered.ok() && answered.error().code() == Code::kUnavailable;
    if (!answered.ok() && (!broken || trouble != Trouble::kBroken || failures >= impl_->options.attempts))
      return broken ? impl_->Unreachable(std::move(answered).error()) : std::move(answered).error();
    const bool again = answered.ok() && IsTransient(answered->status) && failures < impl_->options.attempts;
    if (answered.ok() && !again) {
      if (answered->status != 200) return impl_->Refused(*answered, what, repository);
      out.media_type = answered->content_type;
      break;
    }
    TRY(impl_->Wait(failures, answered.ok() ? answered->retry_after : std::string()));
  }
  out.digest = codec::DigestOf(out.bytes);
  if (by_digest && out.digest != tag_or_digest)
    return Error(Code::kDataLoss, what + ": the registry sent bytes with digest '" + out.digest + "'");
  return out;
}

// One exchange for what is still missing. `retry`: the failure may pass.
Status Client::Impl::BlobAttempt(const std::string& repository, const oci::Descriptor& blob,
                                 const codec::ByteSink& sink, std::uint64_t* received, bool* retry,
                                 std::string* retry_after) {
  const std::uint64_t start = *received;
  std::uint64_t skip = 0;
  bool begun = false;
  Request request;
  request.url = "/v2/" + repository + "/blobs/" + blob.digest;
  request.range_start = start;
  request.body = [&](const Response& head, std::string_view piece) -> Status {
    if (!std::exchange(begun, true)) {
      const bool resumed = head.status == 206 && head.content_range.starts_with("bytes " + std::to_string(start) + "-");
      skip = resumed ? 0 : start;  // a registry without ranges starts over
    }
    const std::size_t known = static_cast<std::size_t>(std::min<std::uint64_t>(skip, piece.size()));
    skip -= known;
    piece.remove_prefix(known);
    if (piece.empty()) return Ok();
    if (piece.size() > blob.size - *received)
      return Error(Code::kDataLoss, "blob '" + blob.digest + "' is larger than the " + std::to_string(blob.size) +
                                        " bytes its manifest says");
    TRY(sink(piece));
    *received += piece.size();
    return Ok();
  };
  *retry = false;
  Trouble trouble{};
  auto answered = Send(repository, std::move(request), &trouble);
  if (!answered.ok()) {
    if (answered.error().code() != Code::kUnavailable) return std::move(answered).error();
    *retry = trouble == Trouble::kBroken || start > 0;
    return Unreachable(std::move(answered).error());
  }
  const std::string cut = "blob '" + blob.digest + "' is cut short: " + std::to_string(*received) + " of " +
                          std::to_string(blob.size) + " bytes";
  if (answered->status == 416) return Error(Code::kDataLoss, cut);
  if (answered->status != 200 && answered->status != 206) {
    *retry = IsTransient(answered->status);
    *retry_after = answered->retry_after;
    return Refused(*answered, "blob '" + blob.digest + "'", repository);
  }
  if (*received == blob.size) return Ok();
  // Whole by its own account, yet too short. Ask for the rest once more, unless that brought nothing.
  *retry = *received > start;
  return Error(Code::kDataLoss, cut);
}

Status Client::GetBlob(const std::string& repository, const oci::Descriptor& blob, const codec::ByteSink& sink) {
  std::uint64_t received = 0;
  unsigned failures = 0;
  for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const std::uint64_t before = received;
    bool retry = false;
    std::string retry_after;
    Status status = impl_->BlobAttempt(repository, blob, sink, &received, &retry, &retry_after);
    if (status.ok()) return status;
    failures = received > before ? 1 : failures + 1;
    if (!retry || failures >= impl_->options.attempts) return status;
    TRY(impl_->Wait(failures, retry_after));
  }
  return Error(Code::kUnavailable, "registry '" + impl_->options.host + "' broke off blob '" + blob.digest + "' " +
                                       std::to_string(kMaxAttempts) + " times");
}

}  // namespace estiba::registry
