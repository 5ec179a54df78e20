#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include <curl/curl.h>

#include "address.h"
#include "base/parse.h"
#include "base/text.h"
#include "client_impl.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "oci/reference.h"
#include "registry/auth.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxToken = 64U << 10;
constexpr std::chrono::seconds kMaxRetryAfter{60};

// The host that serves a name's domain.
std::string ServerOf(const std::string& host) { return host == "docker.io" ? "registry-1.docker.io" : host; }

}  // namespace

std::string Escape(const std::string& text) {
  char* escaped = ::curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  std::string out = escaped == nullptr ? std::string() : escaped;
  ::curl_free(escaped);
  return out;
}

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

// 501 is what a registry says of a method that it does not have.
bool IsTransient(long status) {
  return status == 429 || status == 408 || (status / 100 == 5 && status != 501);
}

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

Error Client::Impl::Unreachable(Error error) const {
  Error out = std::move(error).Context("connect to registry '" + options.host + "'");
  if (!unknown_authority.load()) return out;
  return std::move(out).Hint("if you trust it, put the certificate of its authority into /etc/containers/certs.d/" +
                             options.host + "/ca.crt (or /etc/docker/certs.d)");
}

Error Client::Impl::Refused(const Response& response, const std::string& what, const Access& access) const {
  const std::string text = ErrorText(response);
  if (response.status == 404) return Error(Code::kNotFound, what + " not found: " + text);
  if (response.status == 401 || response.status == 403)
    return Error(response.status == 401 ? Code::kUnauthenticated : Code::kPermissionDenied,
                 (access.push ? "push access denied for " : "pull access denied for ") + access.repository +
                     ", repository does not exist or may require 'docker login': " + text);
  if (response.status == 429)
    return Error(Code::kResourceExhausted, "registry '" + options.host + "' has had too many requests: " + text);
  return Error(Code::kUnavailable, "registry '" + options.host + "' answered " +
                                       std::to_string(response.status) + " for " + what + ": " + text);
}

std::string Client::Impl::Origin() const {
  if (base) return base->Origin();
  return (plain_http.load() ? "http://" : "https://") + ServerOf(options.host);
}

std::string Client::Impl::AddressOf(const std::string& path, const std::string& scheme) const {
  std::string out = scheme + ServerOf(options.host) + path;
  if (base) {
    std::string root = base->rest;
    while (root.ends_with('/')) root.pop_back();
    const bool whole = options.via.override_path || root.ends_with("/v2");
    out = base->Origin() + root + (whole ? path.substr(std::string_view("/v2").size()) : path);
  }
  return options.via.ns.empty() ? out : WithQuery(out, "ns=" + Escape(options.via.ns));
}

void Client::Impl::Prepare(Request& request, const std::string& host) const {
  request.allow_http = lenient || (base && base->scheme == "http");
  request.verify_tls = !lenient && !options.via.skip_verify;
  request.direct = IsLoopback(host);  // a proxy's loopback is another machine's
  request.trust = &options.via;
}

Result<Response> Client::Impl::Perform(const Request& request, Trouble* trouble) {
  auto answered = curl.Perform(request, trouble);
  if (!answered.ok() && *trouble == Trouble::kUnknownAuthority) {
    unknown_authority.store(true);
    *trouble = Trouble::kTls;
  }
  return answered;
}

Result<Response> Client::Impl::SendElsewhere(Request request, Trouble* trouble) {
  const auto address = ParseAddress(request.url);
  if (!address || (address->scheme != "https" && !lenient))
    return Error(Code::kPermissionDenied,
                 "registry '" + options.host + "' refers to '" + request.url + "', which is not reached by https");
  Prepare(request, address->authority);
  return Perform(request, trouble);
}

// HTTPS; plain HTTP when the host is lenient and does not speak TLS, or has nobody at its port.
Result<Response> Client::Impl::SendAny(Request& request, Trouble* trouble) {
  Prepare(request, options.host);
  if (!request.url.starts_with('/')) return Perform(request, trouble);
  const std::string path = request.url;
  std::optional<Error> refused;
  request.headers.insert(request.headers.end(), options.via.headers.begin(), options.via.headers.end());
  if (!plain_http.load()) {
    request.url = AddressOf(path, "https://");
    auto answered = Perform(request, trouble);
    const bool down = !answered.ok() && answered.error().code() == Code::kUnavailable && lenient && !base;
    if (!down || *trouble == Trouble::kBroken) return answered;
    if (*trouble == Trouble::kUnreachable) refused.emplace(std::move(answered).error());
  }
  request.url = AddressOf(path, "http://");
  auto answered = Perform(request, trouble);
  if (!answered.ok() && refused && *trouble == Trouble::kUnreachable) return std::move(*refused);
  plain_http.store(true);
  return answered;
}

std::vector<std::string> Access::Scopes() const {
  std::vector<std::string> out{"repository:" + repository + (push ? ":pull,push" : ":pull")};
  for (const std::string& other : also_pull) out.push_back("repository:" + other + ":pull");
  return out;
}

// With the authorisation this access needs, found out by the first refusal.
Result<Response> Client::Impl::Send(const Access& access, Request request, Trouble* trouble) {
  const std::string path = request.url;
  const std::vector<std::string> headers = request.headers;
  const std::string key = Join(access.Scopes(), " ");
  std::string value = (*authorisation.Lock())[key];
  if (value.empty() && !options.credentials.registry_token.empty())
    value = "Bearer " + options.credentials.registry_token;
  if (!value.empty()) request.headers.push_back("Authorization: " + value);
  Response response = TRY(SendAny(request, trouble));
  if (response.status != 401) return response;
  if (response.authenticate.empty()) response.authenticate = TRY(AskChallenge(trouble));
  value = TRY(Authorise(access, response));
  if (value.empty()) return response;
  (*authorisation.Lock())[key] = value;
  request.url = path;
  request.headers = headers;
  request.headers.push_back("Authorization: " + value);
  return SendAny(request, trouble);
}

Result<Response> Client::Impl::SendPatiently(const Access& access, const Request& request,
                                             const std::function<void()>& before) {
  for (unsigned failures = 1;; ++failures) {
    if (before) before();
    Trouble trouble{};
    auto answered = Send(access, request, &trouble);
    const bool broken = !answered.ok() && answered.error().code() == Code::kUnavailable;
    if (!answered.ok() && (!broken || trouble != Trouble::kBroken || failures >= options.attempts))
      return broken ? Unreachable(std::move(answered).error()) : std::move(answered).error();
    if (answered.ok() && (!IsTransient(answered->status) || failures >= options.attempts)) return answered;
    TRY(Wait(failures, answered.ok() ? answered->retry_after : std::string()));
  }
}

// Some registries (GCR) say how to log in at their root alone.
Result<std::string> Client::Impl::AskChallenge(Trouble* trouble) {
  Request request;
  request.url = "/v2/";
  const Response response = TRY(SendAny(request, trouble));
  return response.authenticate;
}

// The value of an Authorization header that should do; empty when we have nothing to offer.
Result<std::string> Client::Impl::Authorise(const Access& access, const Response& refused) {
  const std::optional<Challenge> challenge = ParseChallenge(refused.authenticate);
  if (!challenge) return std::string();
  if (challenge->scheme == Challenge::Scheme::kBasic) return BasicLogin();
  const std::string what = "get a token for '" + options.host + "'";
  // What the registry asks for one request may be less than what a push goes on to need.
  std::vector<std::string> scopes = access.Scopes();
  if (!access.push && !challenge->scope.empty()) scopes = {challenge->scope};
  auto token = FetchToken(*challenge, scopes);
  if (!token.ok() && scopes.size() > 1) token = FetchToken(*challenge, {scopes.front()});
  if (!token.ok()) return std::move(token).error().Context(what);
  return "Bearer " + *token;
}

std::string Client::Impl::BasicLogin() const {
  if (options.credentials.username.empty()) return {};
  return "Basic " + codec::EncodeBase64(options.credentials.username + ":" + options.credentials.password);
}

Result<std::string> Client::Impl::FetchToken(const Challenge& challenge,
                                             const std::vector<std::string>& scopes) {
  const bool http = challenge.realm.starts_with("http://");
  if (!challenge.realm.starts_with("https://") && !(http && (lenient || plain_http.load())))
    return Error(Code::kPermissionDenied, "the token service '" + challenge.realm + "' is not reached by https");
  Request request;
  const auto service_host = oci::RegistryHost(challenge.realm);
  Prepare(request, service_host.ok() ? *service_host : options.host);
  request.url = challenge.realm;
  std::string query = "service=" + Escape(challenge.service);
  const bool login = scopes.empty();
  const bool refresh = !options.credentials.identity_token.empty();
  // One parameter with all of them by OAuth2's rules, one parameter each by the older ones.
  if (refresh && !login) query += "&scope=" + Escape(Join(scopes, " "));
  for (const std::string& scope : scopes)
    if (!refresh) query += "&scope=" + Escape(scope);
  if (refresh) {
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
  const Response response = TRY(Perform(request, &trouble));
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
Status Client::Impl::Wait(unsigned failures, const std::string& retry_after, const std::atomic<bool>* also) const {
  std::chrono::milliseconds left = options.first_backoff * (1U << std::min(failures - 1, 6U));
  const auto asked = ParseUint(retry_after, 100'000);
  if (asked.ok()) left = std::min<std::chrono::milliseconds>(std::chrono::seconds(*asked), kMaxRetryAfter);
  constexpr std::chrono::milliseconds kStep{50};
  for (; left.count() > 0; left -= kStep) {
    for (const std::atomic<bool>* stop : {options.stop, also})
      if (stop != nullptr && stop->load()) return Error(Code::kCancelled, "the transfer was stopped");
    std::this_thread::sleep_for(std::min(left, kStep));
  }
  return Ok();
}

// The header that should do for /v2/ itself; the token then is for no repository.
Status Client::Impl::UseLogin(const Response& refused, std::string* authorization) {
  const std::optional<Challenge> challenge = ParseChallenge(refused.authenticate);
  if (!challenge) return Ok();
  if (challenge->scheme == Challenge::Scheme::kBearer) {
    *authorization = "Bearer " + TRY(FetchToken(*challenge, {}));
  } else {
    *authorization = BasicLogin();
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

}  // namespace estiba::registry
