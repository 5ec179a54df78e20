#pragma once
// What a Client's calls share: where the registry is, how it is spoken to and who we are to it (session.cc).

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "address.h"
#include "base/guarded.h"
#include "base/result.h"
#include "codec/json.h"
#include "curl.h"
#include "registry/auth.h"
#include "registry/client.h"

namespace estiba::registry {

// What a request is to be allowed: tokens are given for it.
struct Access {
  std::string repository;
  bool push = false;
  std::vector<std::string> also_pull = {};  // repositories that blobs are to be mounted from

  // Scopes of a token, the repository's own first.
  std::vector<std::string> Scopes() const;
};

struct Client::Impl {
  explicit Impl(ClientOptions given);

  // One exchange of the registry with the authorisation that `access` needs, found out by the first refusal.
  // `request.url` is a path ("/v2/…") or, of an upload, a whole address; only the registry itself is authorised to.
  Result<Response> Send(const Access& access, Request request, Trouble* trouble);
  // The same, again and again as long as the failure may pass. `before` each.
  Result<Response> SendPatiently(const Access& access, const Request& request,
                                 const std::function<void()>& before = {});
  struct Page {
    codec::Json json;
    std::string next;  // its address; empty: this is the last
  };
  Result<Page> GetPage(const Access& access, const std::string& path, const std::string& what);
  // To an address that is not the registry's: with no authorisation. kPermissionDenied when it is not safe to go there.
  Result<Response> SendElsewhere(Request request, Trouble* trouble);
  // "https://HOST:PORT", or with http once that is known to be what it speaks.
  std::string Origin() const;
  // The address of a path of the registry ("/v2/…").
  std::string AddressOf(const std::string& path, const std::string& scheme) const;
  Result<Response> Perform(const Request& request, Trouble* trouble);
  Result<Response> SendAny(Request& request, Trouble* trouble);
  void Prepare(Request& request, const std::string& host) const;
  Result<std::string> AskChallenge(Trouble* trouble);
  Result<std::string> Authorise(const Access& access, const Response& refused);
  Result<std::string> FetchToken(const Challenge& challenge, const std::vector<std::string>& scopes);
  std::string BasicLogin() const;  // "" without a name
  Status UseLogin(const Response& refused, std::string* authorization);
  Status Wait(unsigned failures, const std::string& retry_after, const std::atomic<bool>* also = nullptr) const;
  Error Unreachable(Error error) const;
  Error Refused(const Response& response, const std::string& what, const Access& access) const;
  // A blob on its way here.
  struct Arrival {
    const std::string& repository;
    const oci::Descriptor& blob;
    const codec::ByteSink& sink;
    const std::atomic<bool>* stop;
    std::uint64_t received;         // to the sink, or not wanted
    bool retry = false;             // the last attempt's failure may pass
    std::string retry_after = {};
  };
  // `place` is the blob's path in the repository, or a whole address elsewhere.
  Status BlobAttempt(Arrival& arrival, const std::string& place);
  Status JudgeArrival(Arrival& arrival, const std::string& place, std::uint64_t start, const Response& answered) const;
  // The rest of a blob, with patience.
  Status BlobFrom(Arrival& arrival, const std::string& place);
  Result<Response> SendManifest(const PushTarget& target, const std::string& tag_or_digest, std::string_view bytes,
                                const std::string& media_type);
  Result<bool> KeepsReferrers(const std::string& repository, const std::string& digest);

  ClientOptions options;
  bool lenient;  // plain HTTP and unverified certificates are fine
  std::optional<Address> base;  // of an endpoint that has one
  Curl curl;
  std::atomic<bool> plain_http{false};                       // found out by the first exchange
  Guarded<std::map<std::string, std::string>> authorisation;  // scopes → header value
  std::atomic<bool> unknown_authority{false};  // nobody we trust vouches for a certificate we were shown
  std::string fresh_identity;  // the identity token that the token service gave us (CheckLogin)
};

// "unauthorized: authentication required" from a registry's {"errors":[{"code":…,"message":…}]}; fit for a terminal.
std::string ErrorText(const Response& response);
// An answer after which the same request may go well.
bool IsTransient(long status);
// Percent-encoded for a query.
std::string Escape(const std::string& text);

}  // namespace estiba::registry
