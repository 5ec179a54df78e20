#include "copy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <set>

#include "blob_stream.h"
#include "codec/sha256.h"
#include "oci/reference.h"
#include "oci/referrers.h"
#include "parallel.h"
#include "registry/client.h"
#include "remote.h"
#include "signature.h"
#include "stored_image.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxConfig = 4U << 20;
constexpr unsigned kParallel = 5;
constexpr std::size_t kMaxManifests = 2000;  // with all that refers to them
// What cosign keeps beside an image, from before registries kept lists of it.
constexpr std::array<std::string_view, 3> kCosignTags{".sig", ".att", ".sbom"};

using registry::FetchedManifest;

class Copier {
 public:
  Copier(const TransferJob& job, Reporter& reporter, oci::Reference source, Found found, oci::Reference destination,
         const PullSource& place, registry::Client to, std::atomic<bool>& stop)
      : job_(job), reporter_(reporter), source_(std::move(source)), destination_(std::move(destination)),
        from_(std::move(found.client)), from_place_(found.place), path_(found.place.path), to_(std::move(to)),
        target_{place.path, {}}, stop_(stop), from_words_("read from '" + source_.Name() + "'"),
        to_words_("write to '" + destination_.Name() + "'") {
    const bool one_registry = place.host == found.place.host && place.via.url == found.place.via.url;
    if (one_registry && path_ != target_.repository) target_.mount_from = {path_};
  }

  Status Run(FetchedManifest top) {
    // As for a pull, before anything is sent: an index that is signed vouches for the images it names.
    const Status checked = CheckSignatures(job_.signed_by, {from_, from_place_, top.digest}, source_);
    TRY(MayBeSignedWithin(checked, top));
    if (!checked.ok() && job_.copy.all) return checked.error().Clone();
    const FetchedManifest chosen = TRY_CTX(Choose(std::move(top)), from_words_);
    if (!checked.ok())
      TRY_CTX(CheckSignatures(job_.signed_by, {from_, from_place_, chosen.digest}, source_), kNeitherIsSigned);
    if (!destination_.digest.empty() && destination_.digest != chosen.digest)
      return Error(Code::kInvalidArgument, "the destination is to be '" + destination_.digest + "', the source is '" +
                                               chosen.digest + "'");
    TRY(CopyContents(chosen, 0));
    const std::string name = destination_.digest.empty() ? destination_.tag : chosen.digest;
    TRY(Put(chosen, name));
    if (job_.copy.referrers) TRY(CopyReferrers());
    reporter_.Say("", name + ": digest: " + chosen.digest + " size: " + std::to_string(chosen.bytes.size()));
    reporter_.Pushed({destination_.tag, "", destination_.Name() + "@" + chosen.digest, chosen.bytes.size()});
    return Ok();
  }

 private:
  // The whole index, or the manifest of one platform.
  Result<FetchedManifest> Choose(FetchedManifest top) {
    if (job_.copy.all) return top;
    const oci::Platform platform = job_.platform.os.empty() ? oci::HostPlatform() : job_.platform;
    const std::string digest = top.digest;
    const auto choose = [&](const oci::Index& index) { return oci::SelectManifest(index, platform); };
    FetchedManifest chosen = TRY(FollowIndexes(from_, path_, std::move(top), choose, {}));
    if (chosen.digest != digest)
      reporter_.Say("", "Copying the image for " + platform.ToString() + " of an index; --all copies the index");
    if (!job_.platform.os.empty()) TRY(CheckPlatform(chosen));
    return chosen;
  }

  Status CheckPlatform(const FetchedManifest& document) {
    const oci::Manifest manifest = TRY(oci::ParseManifest(document.bytes));
    if (manifest.config.size > kMaxConfig)
      return Error(Code::kResourceExhausted, "the image's config is larger than 4 MiB");
    std::string text;
    TRY(from_.GetBlob(path_, manifest.config, [&text](std::string_view bytes) {
      text += bytes;
      return Ok();
    }));
    if (codec::DigestOf(text) != manifest.config.digest)
      return Error(Code::kDataLoss, "blob '" + manifest.config.digest + "' comes with another digest");
    const oci::ImageConfig config = TRY(oci::ParseImageConfig(text));
    return oci::CheckPlatform(source_.Familiar(), config.platform, job_.platform);
  }

  Result<FetchedManifest> Fetch(const std::string& digest) {
    TRY(oci::DigestHex(digest));  // what is none could not be checked
    return from_.GetManifest(path_, digest);
  }

  // What a document names, before the document itself: registries refuse what is not whole.
  Status CopyContents(const FetchedManifest& document, int depth) {
    const oci::DocumentKind kind = TRY_CTX(oci::KindOfDocument(document.bytes, document.media_type), from_words_);
    if (!seen_.insert(document.digest).second) return Ok();
    if (seen_.size() > kMaxManifests)
      return Error(Code::kResourceExhausted, "more than " + std::to_string(kMaxManifests) + " manifests");
    if (kind == oci::DocumentKind::kManifest) return CopyBlobs(document);
    if (depth >= kMaxIndexDepth) return Error(Code::kInvalidArgument, "the image's index is nested too deeply");
    const oci::Index index = TRY_CTX(oci::ParseIndex(document.bytes), from_words_);
    for (const oci::Descriptor& child : index.manifests) {
      const FetchedManifest inner = TRY_CTX(Fetch(child.digest), from_words_);
      TRY(CopyContents(inner, depth + 1));
      TRY(Put(inner, inner.digest));
    }
    return Ok();
  }

  Status Put(const FetchedManifest& document, const std::string& name) {
    const std::string type = TRY_CTX(oci::MediaTypeOf(document.bytes, document.media_type), from_words_);
    return TRY_CTX(to_.PutManifest(target_, name, document.bytes, type), to_words_);
  }

  Status CopyBlobs(const FetchedManifest& document) {
    const oci::Manifest manifest = TRY_CTX(oci::ParseManifest(document.bytes), from_words_);
    std::vector<oci::Descriptor> blobs;
    for (const oci::Descriptor& layer : manifest.layers) {
      if (oci::IsForeignLayer(layer)) {
        reporter_.Say(ShortId(layer.digest), "Skipped foreign layer");
      } else if (done_.insert(layer.digest).second) {
        blobs.push_back(layer);
      }
    }
    if (done_.insert(manifest.config.digest).second) blobs.push_back(manifest.config);
    for (const oci::Descriptor& blob : blobs) reporter_.Say(ShortId(blob.digest), "Preparing");
    const unsigned parallel = job_.parallel == 0 ? kParallel : job_.parallel;
    return InParallel(blobs.size(), parallel, stop_, [&](std::size_t i) { return CopyBlob(blobs[i]); });
  }

  Status CopyBlob(const oci::Descriptor& blob) {
    const std::string id = ShortId(blob.digest);
    Counter counter(reporter_, id, "Copying", blob.size);
    BlobStream stream(pool_, from_, path_, blob);
    registry::BlobPush push;
    push.blob = blob;
    push.mount_from = target_.mount_from;
    push.read = [&stream](std::uint64_t at, char* out, std::size_t room) { return stream.Read(at, out, room); };
    push.progress = [&counter](std::uint64_t sent) { counter.Set(sent); };
    auto pushed = to_.PushBlob(target_, push);
    if (stream.failure()) return std::move(*stream.failure()).Context(from_words_);
    if (!pushed.ok()) return std::move(pushed).error().Context(to_words_);
    reporter_.Say(id, WordFor(*pushed, "Copied"));
    return Ok();
  }

  // Also of what refers to them, and so on.
  Status CopyReferrers() {
    std::vector<std::string> digests(seen_.begin(), seen_.end());
    for (std::size_t i = 0; i < digests.size(); ++i) {
      const oci::Index found = TRY_CTX(from_.ListReferrers(path_, digests[i]), from_words_);
      for (const oci::Descriptor& referrer : found.manifests) {
        if (seen_.contains(referrer.digest)) continue;
        TRY(CopyReferrer(Fetch(referrer.digest), referrer.digest));
        digests.push_back(referrer.digest);
      }
      for (const std::string_view suffix : kCosignTags) {
        const std::string tag = oci::ReferrersTag(digests[i]) + std::string(suffix);
        auto document = from_.GetManifest(path_, tag);
        if (!document.ok() && document.error().code() == Code::kNotFound) continue;
        TRY(CopyReferrer(std::move(document), tag));
      }
    }
    return Ok();
  }

  Status CopyReferrer(Result<FetchedManifest> document, const std::string& name) {
    if (!document.ok()) return std::move(document).error().Context(from_words_);
    reporter_.Say(ShortId(document->digest), "Refers to the image");
    TRY(CopyContents(*document, 0));
    return Put(*document, name);
  }

  const TransferJob& job_;
  Reporter& reporter_;
  const oci::Reference source_;
  const oci::Reference destination_;
  registry::Client from_;
  const PullSource from_place_;
  const std::string path_;  // of the source's repository
  registry::Client to_;
  registry::PushTarget target_;
  std::atomic<bool>& stop_;  // also ends the clients' calls
  const std::string from_words_;
  const std::string to_words_;
  PiecePool pool_;
  std::set<std::string> seen_;  // manifests
  std::set<std::string> done_;  // blobs
};

}  // namespace

Status Copy(const TransferJob& job, Reporter& reporter) {
  const oci::Reference source = TRY(oci::ParseReferenceOrLatest(job.reference));
  const oci::Reference destination = TRY(oci::ParseReferenceOrLatest(job.copy.reference));
  std::atomic<bool> stop{false};
  PullSource place = job.copy.place;
  if (place.host.empty()) {
    place.host = destination.domain;
    place.path = destination.path;
  }
  registry::ClientOptions options = ClientFor(job, place, /*own_host=*/"");
  options.credentials = job.copy.auth;
  options.stop = &stop;
  registry::Client to = TRY(registry::Client::Create(std::move(options)));
  Found found = TRY_CTX(FindManifest(job, source, stop), "read from '" + source.Name() + "'");
  FetchedManifest top = std::move(found.top);
  return Copier(job, reporter, source, std::move(found), destination, place, std::move(to), stop)
      .Run(std::move(top));
}

}  // namespace estiba::image
