// The distribution specification's push: sections "Pushing blobs" and "Pushing manifests".

#include <algorithm>
#include <utility>

#include "address.h"
#include "base/parse.h"
#include "client_impl.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "oci/referrers.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxMounts = 3;
constexpr unsigned kMaxAttempts = 50;  // of one blob, with progress or without
constexpr std::uint64_t kChunk = 64U << 20;
constexpr std::uint64_t kSmallChunk = 16U << 20;  // for who finds a request too large
constexpr std::uint64_t kLeastChunk = 1U << 20;
// From the last byte to the answer a registry may hash, copy and index what it got.
constexpr std::chrono::seconds kAnswerTimeout{300};

bool IsStored(long status) { return status == 200 || status == 201 || status == 204; }

bool HasErrorCode(const Response& response, std::string_view code) {
  const auto json = codec::ParseJson(response.body);
  const codec::Json* errors = json.ok() ? json->Find("errors") : nullptr;
  return errors != nullptr && errors->IsArray() && !errors->empty() &&
         errors->IfArray()->front().GetString("code") == code;
}

}  // namespace

// One blob on its way.
class Client::Pusher {
 public:
  Pusher(Impl& client, const PushTarget& target, const BlobPush& push)
      : client_(client), push_(push), size_(push.blob.size), access_{target.repository, true, target.mount_from} {}

  Result<BlobPushed> Run() {
    unsigned failures = 0;
    for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
      const std::uint64_t before = farthest_;
      retry_ = false;
      retry_after_.clear();
      Status status = Attempt();
      if (status.ok()) return done_;
      failures = farthest_ > before ? 1 : failures + 1;
      if (!retry_ || failures >= client_.options.attempts) return std::move(status).error();
      TRY(client_.Wait(failures, retry_after_));
    }
    return Error(Code::kUnavailable, "registry '" + client_.options.host + "' broke off " + Name() + " " +
                                         std::to_string(kMaxAttempts) + " times");
  }

 private:
  std::string Name() const { return "blob '" + push_.blob.digest + "'"; }
  std::string Uploads() const { return "/v2/" + access_.repository + "/blobs/uploads/"; }

  Status Attempt() {
    if (!asked_ && TRY(IsThere())) return Finish(BlobPushed::How::kWasThere);
    asked_ = true;
    if (session_.empty()) {
      const bool mounted = TRY(Begin());
      if (mounted) return Ok();
    } else {
      TRY(AskStatus());
    }
    if (chunk_ == 0) return PutWhole();
    while (offset_ < size_) TRY(Patch());
    return PutEnd();
  }

  Status Finish(BlobPushed::How how) {
    done_.how = how;
    return Ok();
  }

  // An exchange whose failure may pass is one that a new attempt follows.
  Result<Response> Exchange(Request request, bool own) {
    Trouble trouble{};
    broke_ = false;
    auto answered = own ? client_.Send(access_, std::move(request), &trouble)
                        : client_.SendElsewhere(std::move(request), &trouble);
    if (!answered.ok()) {
      if (answered.error().code() != Code::kUnavailable) return answered;
      broke_ = trouble == Trouble::kBroken;
      retry_ = broke_ || farthest_ > 0;
      return client_.Unreachable(std::move(answered).error());
    }
    if (IsTransient(answered->status)) {
      retry_ = true;
      retry_after_ = answered->retry_after;
      return client_.Refused(*answered, Name(), access_);
    }
    return answered;
  }

  Result<Response> ToSession(const std::string& method, const std::string& query, std::optional<Upload> upload,
                             const std::string& range = {}) {
    Request request;
    request.method = method;
    request.url = query.empty() ? session_ : WithQuery(session_, query);
    if (upload) request.headers.emplace_back("Content-Type: application/octet-stream");
    if (!range.empty()) request.headers.push_back("Content-Range: " + range);
    request.upload = std::move(upload);
    request.stall_timeout = kAnswerTimeout;
    return Exchange(std::move(request), own_session_);
  }

  Upload Part(std::uint64_t from, std::uint64_t size) {
    Upload out;
    out.size = size;
    out.read = [this, from](std::uint64_t at, char* to, std::size_t room) { return push_.read(from + at, to, room); };
    if (push_.progress) out.progress = [this, from](std::uint64_t sent) { push_.progress(from + sent); };
    return out;
  }

  // What a registry says to HEAD but "yes" says nothing for sure: the upload will tell.
  Result<bool> IsThere() {
    Request request;
    request.method = "HEAD";
    request.url = "/v2/" + access_.repository + "/blobs/" + push_.blob.digest;
    const Response answered = TRY(Exchange(std::move(request), /*own=*/true));
    return answered.status == 200;
  }

  // Opens a session. True when the blob could be mounted instead.
  Result<bool> Begin() {
    offset_ = 0;
    const std::size_t mounts = std::exchange(tried_mounts_, true) ? 0 : std::min(push_.mount_from.size(), kMaxMounts);
    for (std::size_t i = 0; i < mounts; ++i) {
      const std::string& from = push_.mount_from[i];
      const Response answered = TRY(Post(WithQuery(
          WithQuery(Uploads(), "mount=" + Escape(push_.blob.digest)), "from=" + Escape(from))));
      if (answered.status == 201) {
        done_ = {BlobPushed::How::kMounted, from};
        return true;
      }
      if (answered.status != 202) continue;
      TRY(TakeSession(answered));
      if (i + 1 == mounts) return false;
      Abandon();
    }
    const Response answered = TRY(Post(Uploads()));
    if (answered.status != 202 && !IsStored(answered.status)) return client_.Refused(answered, Name(), access_);
    const auto least = ParseUint(answered.chunk_min_length, kChunk * 64);
    if (least.ok()) least_chunk_ = *least;
    TRY(TakeSession(answered));
    return false;
  }

  Result<Response> Post(const std::string& path) {
    Request request;
    request.method = "POST";
    request.url = path;
    request.upload = UploadOf({});
    return Exchange(std::move(request), /*own=*/true);
  }

  // Where the upload goes on. Another host gets no authorisation.
  Status TakeSession(const Response& answered) {
    const auto base = ParseAddress(answered.url);
    const auto next = base ? Resolve(*base, answered.location) : std::nullopt;
    if (!next)
      return Error(Code::kUnavailable, "registry '" + client_.options.host + "' does not say where to upload " +
                                           Name() + " (Location: '" + answered.location.substr(0, 200) + "')");
    session_ = next->Origin() + next->rest;
    own_session_ = next->Origin() == client_.Origin();
    return Ok();
  }
  Status MoveSession(const Response& answered) { return answered.location.empty() ? Ok() : TakeSession(answered); }

  // Tells the registry that nothing more will come; whether it hears makes no difference.
  void Abandon() {
    Request request;
    request.method = "DELETE";
    request.url = session_;
    Trouble trouble{};
    if (own_session_) (void)client_.Send(access_, std::move(request), &trouble);
    session_.clear();
  }

  Error StartOver(Error why) {
    session_.clear();
    retry_ = true;
    return why;
  }

  // Once may be what a broken connection left in the session.
  Error WrongBytes(Error refused) {
    Error lost(Code::kDataLoss, refused.Message());
    return std::exchange(wrong_once_, true) ? std::move(lost) : StartOver(std::move(lost));
  }

  Status CheckDigest(const Response& answered) {
    farthest_ = size_;
    if (answered.digest.empty() || answered.digest == push_.blob.digest) return Ok();
    return Error(Code::kDataLoss, Name() + ": registry '" + client_.options.host + "' says that what it got is '" +
                                      answered.digest.substr(0, 200) + "'");
  }

  Status PutWhole() {
    auto answered = ToSession("PUT", "digest=" + Escape(push_.blob.digest), Part(0, size_));
    if (!answered.ok()) {
      // A connection that broke once may break again: what was sent is not to be lost then.
      if (broke_ && size_ > kLeastChunk) chunk_ = kChunk;
      if (chunk_ == 0) session_.clear();
      return std::move(answered).error();
    }
    if (IsStored(answered->status)) return CheckDigest(*answered);
    Error refused = client_.Refused(*answered, Name(), access_);
    if (answered->status == 401 || answered->status == 403) return refused;
    if (HasErrorCode(*answered, "DIGEST_INVALID")) return WrongBytes(std::move(refused));
    chunk_ = answered->status == 413 ? kSmallChunk : kChunk;
    return StartOver(std::move(refused));
  }

  Status Patch() {
    const std::uint64_t end = std::min(size_, offset_ + std::max(chunk_, least_chunk_));
    const std::string range = std::to_string(offset_) + "-" + std::to_string(end - 1);
    const Response answered = TRY(ToSession("PATCH", "", Part(offset_, end - offset_), range));
    const bool taken = answered.status == 202 || IsStored(answered.status);
    if (taken) {
      created_ = created_ || answered.status == 201;
      TRY(MoveSession(answered));
      auto has = UploadedBytes(answered.range).value_or(end);
      if (has == 0 && end == 1) has = 1;
      return Advance(has, end);
    }
    Error refused = client_.Refused(answered, Name(), access_);
    if (answered.status == 413 && chunk_ > std::max(kLeastChunk, least_chunk_)) {
      chunk_ = std::max({kLeastChunk, least_chunk_, chunk_ / 4});
      return StartOver(std::move(refused));
    }
    if (answered.status == 416) {
      const std::uint64_t had = offset_;
      TRY(AskStatus());
      if (offset_ == had) return refused;
      return Ok();
    }
    if (answered.status == 404) return StartOver(std::move(refused));
    return refused;
  }

  Status Advance(std::uint64_t has, std::uint64_t sent) {
    if (has > sent || has <= offset_)
      return Error(Code::kUnavailable, "registry '" + client_.options.host + "' says it has " + std::to_string(has) +
                                           " bytes of " + Name() + " after it was sent " + std::to_string(sent));
    offset_ = has;
    farthest_ = std::max(farthest_, has);
    return Ok();
  }

  // Where the registry stands. One that does not know any more starts over.
  Status AskStatus() {
    const Response answered = TRY(ToSession("GET", "", std::nullopt));
    const auto has = UploadedBytes(answered.range);
    if ((answered.status != 204 && answered.status != 202 && answered.status != 200) || !has || *has > size_)
      return StartOver(client_.Refused(answered, "the upload of " + Name(), access_));
    TRY(MoveSession(answered));
    offset_ = *has;
    farthest_ = std::max(farthest_, offset_);
    return Ok();
  }

  Status PutEnd() {
    const Response answered = TRY(ToSession("PUT", "digest=" + Escape(push_.blob.digest), UploadOf({})));
    if (IsStored(answered.status)) return CheckDigest(answered);
    // ECR is done with the last chunk, says 201 to it and knows of no upload any more.
    if (created_ && TRY(IsThere())) return Ok();
    Error refused = client_.Refused(answered, Name(), access_);
    if (HasErrorCode(answered, "DIGEST_INVALID")) return WrongBytes(std::move(refused));
    return refused;
  }

  Impl& client_;
  const BlobPush& push_;
  const std::uint64_t size_;
  const Access access_;
  BlobPushed done_;
  bool asked_ = false;
  bool tried_mounts_ = false;
  std::string session_;      // an address; empty: none is open
  bool own_session_ = true;  // it is the registry's own
  std::uint64_t offset_ = 0;  // what the registry has of the open session
  std::uint64_t farthest_ = 0;
  std::uint64_t chunk_ = 0;  // 0: all in one piece
  std::uint64_t least_chunk_ = 0;
  bool wrong_once_ = false;
  bool created_ = false;  // a chunk was answered as if it had been the whole
  bool broke_ = false;  // the last exchange's connection did
  bool retry_ = false;
  std::string retry_after_;
};

Result<BlobPushed> Client::PushBlob(const PushTarget& target, const BlobPush& push) {
  return Pusher(*impl_, target, push).Run();
}

Result<Response> Client::Impl::SendManifest(const PushTarget& target, const std::string& tag_or_digest,
                                            std::string_view bytes, const std::string& media_type) {
  const Access access{target.repository, true, target.mount_from};
  const std::string what = "manifest '" + tag_or_digest + "'";
  Request request;
  request.method = "PUT";
  request.url = "/v2/" + target.repository + "/manifests/" + tag_or_digest;
  request.headers.push_back("Content-Type: " + media_type);
  request.upload = UploadOf(bytes);
  request.stall_timeout = kAnswerTimeout;
  Response answered = TRY(SendPatiently(access, request));
  if (!IsStored(answered.status) && answered.status != 202) return Refused(answered, what, access);
  const std::string digest = codec::DigestOf(bytes);
  if (!answered.digest.empty() && answered.digest != digest)
    return Error(Code::kDataLoss, what + ": registry '" + options.host + "' says that '" + digest + "' is '" +
                                      answered.digest.substr(0, 200) + "'");
  return answered;
}

Status Client::PutManifest(const PushTarget& target, const std::string& tag_or_digest, std::string_view bytes,
                           const std::string& media_type) {
  const Response answered = TRY(impl_->SendManifest(target, tag_or_digest, bytes, media_type));
  const auto referral = oci::ReferralOf(bytes, media_type, codec::DigestOf(bytes));
  if (!referral) return Ok();
  // Who says OCI-Subject keeps the list itself; Docker Hub has said so without having one.
  const bool says_so = !answered.subject.empty();
  if (says_so && TRY(impl_->KeepsReferrers(target.repository, referral->subject.digest))) return Ok();
  return TRY_CTX(AddReferrer(target, *referral), "list '" + referral->referrer.digest + "' with its subject");
}

}  // namespace estiba::registry
