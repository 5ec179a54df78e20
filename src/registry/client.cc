#include "registry/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include <curl/curl.h>

#include "codec/sha256.h"
#include "address.h"
#include "client_impl.h"
#include "oci/reference.h"
#include "ranges.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxManifest = 4U << 20;
constexpr unsigned kMaxAttempts = 50;  // of one blob, with progress or without

constexpr std::array<std::string_view, 4> kManifestTypes{
    oci::media::kOciIndex, oci::media::kDockerIndex, oci::media::kOciManifest, oci::media::kDockerManifest};

}  // namespace

Result<Client> Client::Create(ClientOptions options) {
  if (options.host.empty()) return Error(Code::kInvalidArgument, "a registry needs a host");
  if (!options.via.url.empty() && !ParseAddress(options.via.url))
    return Error(Code::kInvalidArgument, "'" + options.via.url + "' is not the address of a registry");
  if (options.via.connect_seconds != 0) options.connect_timeout = std::chrono::seconds(options.via.connect_seconds);
  if (::curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Error(Code::kInternal, "start libcurl");
  return Client(std::make_unique<Impl>(std::move(options)));
}

Client::Impl::Impl(ClientOptions given)
    : options(std::move(given)),
      lenient(options.via.insecure ||
              (IsLoopback(options.host) && options.via.ca.empty() && options.via.url.empty())),
      curl({options.connect_timeout, options.stall_timeout, options.stop}) {
  if (options.via.url.empty()) return;
  base = ParseAddress(options.via.url);
  if (!base) return;  // Create() has refused it
  plain_http.store(base->scheme == "http");
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<FetchedManifest> Client::GetManifest(const std::string& repository, const std::string& tag_or_digest) {
  const bool by_digest = oci::IsDigest(tag_or_digest);
  const std::string what =
      "manifest for " + impl_->options.host + "/" + repository + (by_digest ? "@" : ":") + tag_or_digest;
  FetchedManifest out;
  Request request;
  request.url = "/v2/" + repository + "/manifests/" + tag_or_digest;
  // One line: there are proxies that pass on the last of several.
  std::string accept;
  for (const std::string_view type : kManifestTypes) accept += (accept.empty() ? "" : ", ") + std::string(type);
  request.headers.push_back("Accept: " + accept);
  request.body = [&](const Response&, std::string_view piece) -> Status {
    if (out.bytes.size() + piece.size() > kMaxManifest)
      return Error(Code::kResourceExhausted, what + " is larger than 4 MiB");
    out.bytes.append(piece);
    return Ok();
  };
  const Response answered = TRY(impl_->SendPatiently({repository}, request, [&out] { out.bytes.clear(); }));
  if (answered.status != 200) return impl_->Refused(answered, what, {repository});
  out.media_type = answered.content_type;
  out.digest = codec::DigestOf(out.bytes);
  if (by_digest && out.digest != tag_or_digest)
    return Error(Code::kDataLoss, what + ": the registry sent bytes with digest '" + out.digest + "'");
  return out;
}

// One exchange for what is still missing.
Status Client::Impl::BlobAttempt(Arrival& arrival, const std::string& place) {
  const oci::Descriptor& blob = arrival.blob;
  const std::uint64_t start = arrival.received;
  std::uint64_t skip = 0;
  bool begun = false;
  Request request;
  request.url = place;
  request.range_start = start;
  request.stop = arrival.stop;
  request.body = [&](const Response& head, std::string_view piece) -> Status {
    if (!std::exchange(begun, true)) {
      const bool resumed = head.status == 206 && head.content_range.starts_with("bytes " + std::to_string(start) + "-");
      skip = resumed ? 0 : start;  // a registry without ranges starts over
    }
    const std::size_t known = static_cast<std::size_t>(std::min<std::uint64_t>(skip, piece.size()));
    skip -= known;
    piece.remove_prefix(known);
    if (piece.empty()) return Ok();
    if (piece.size() > blob.size - arrival.received)
      return Error(Code::kDataLoss, "blob '" + blob.digest + "' is larger than the " + std::to_string(blob.size) +
                                        " bytes its manifest says");
    TRY(arrival.sink(piece));
    arrival.received += piece.size();
    return Ok();
  };
  arrival.retry = false;
  arrival.retry_after.clear();
  Trouble trouble{};
  const bool ours = place.starts_with('/');
  auto answered =
      ours ? Send({arrival.repository}, std::move(request), &trouble) : SendElsewhere(std::move(request), &trouble);
  if (answered.ok()) return JudgeArrival(arrival, place, start, *answered);
  if (answered.error().code() != Code::kUnavailable) return std::move(answered).error();
  arrival.retry = trouble == Trouble::kBroken || start > 0;
  return ours ? Unreachable(std::move(answered).error()) : std::move(answered).error();
}

// What an attempt that was answered has brought.
Status Client::Impl::JudgeArrival(Arrival& arrival, const std::string& place, std::uint64_t start,
                                  const Response& answered) const {
  const oci::Descriptor& blob = arrival.blob;
  const std::string cut = "blob '" + blob.digest + "' is cut short: " + std::to_string(arrival.received) + " of " +
                          std::to_string(blob.size) + " bytes";
  if (answered.status == 416) return Error(Code::kDataLoss, cut);
  if (answered.status != 200 && answered.status != 206) {
    arrival.retry = IsTransient(answered.status);
    arrival.retry_after = answered.retry_after;
    if (!place.starts_with('/'))
      return Error(Code::kUnavailable, "'" + place + "' answered with status " + std::to_string(answered.status));
    return Refused(answered, "blob '" + blob.digest + "'", {arrival.repository});
  }
  if (arrival.received == blob.size) return Ok();
  // Whole by its own account, yet too short. Ask for the rest once more, unless that brought nothing.
  arrival.retry = arrival.received > start;
  return Error(Code::kDataLoss, cut);
}

Status Client::GetBlob(const std::string& repository, const oci::Descriptor& blob, const codec::ByteSink& sink,
                       const BlobFetch& fetch) {
  Impl::Arrival arrival{repository, blob, sink, fetch.stop, fetch.from};
  const std::string path = "/v2/" + repository + "/blobs/" + blob.digest;
  std::string elsewhere;  // what the places that a layer not to be distributed is had from have said
  for (const std::string& url : oci::IsForeignLayer(blob) ? blob.urls : std::vector<std::string>()) {
    Status status = impl_->BlobFrom(arrival, url);
    if (status.ok() || status.error().code() == Code::kCancelled) return status;
    elsewhere += (elsewhere.empty() ? "" : "; ") + status.error().Message();
  }
  if (!elsewhere.empty()) {
    // A registry may have been given it all the same.
    Status status = impl_->BlobFrom(arrival, path);
    if (status.ok()) return status;
    return std::move(status).error().Hint("its own places were tried before: " + elsewhere);
  }
  if (fetch.from == 0 && IsForRanges(impl_->options, blob.size)) {
    const auto send = [&](Request request) {
      Trouble trouble{};
      return impl_->Send({repository}, std::move(request), &trouble);
    };
    const auto wait = [&](unsigned failures) { return impl_->Wait(failures, "", fetch.stop); };
    const RangeSource source{impl_->options, path, send, wait};
    TRY(GetRanges(source, blob.size, sink, &arrival.received));
  }
  if (arrival.received == blob.size && arrival.received > 0) return Ok();
  return impl_->BlobFrom(arrival, path);
}

Status Client::Impl::BlobFrom(Arrival& arrival, const std::string& place) {
  unsigned failures = 0;
  for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const std::uint64_t before = arrival.received;
    Status status = BlobAttempt(arrival, place);
    if (status.ok()) return status;
    failures = arrival.received > before ? 1 : failures + 1;
    if (!arrival.retry || failures >= options.attempts) return status;
    TRY(Wait(failures, arrival.retry_after, arrival.stop));
  }
  return Error(Code::kUnavailable, "registry '" + options.host + "' broke off blob '" + arrival.blob.digest + "' " +
                                       std::to_string(kMaxAttempts) + " times");
}

}  // namespace estiba::registry
