#include "pull.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "apply.h"
#include "bring.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "remote.h"
#include "signature.h"
#include "stored_image.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxConfig = 4U << 20;

class Puller {
 public:
  Puller(const TransferJob& job, const Stores& stores, Reporter& reporter, oci::Reference reference,
         registry::Client client, PullSource place, std::atomic<bool>& stop)
      : job_(job), stores_(stores), reporter_(reporter), reference_(std::move(reference)), client_(std::move(client)),
        place_(std::move(place)), path_(place_.path), stop_(stop) {}

  Status Run(registry::FetchedManifest top) {
    LoadedImage image;
    image.repo_digest = top.digest;
    // Before anything is kept. An index that is signed vouches for the images it names.
    const Status checked = CheckSignatures(job_.signed_by, {client_, place_, top.digest}, reference_);
    TRY(MayBeSignedWithin(checked, top));
    const registry::FetchedManifest found = TRY(Resolve(std::move(top)));
    TRY(CheckChosen(checked, found.digest));
    const oci::Manifest manifest = TRY(oci::ParseManifest(found.bytes));
    image.artifact_type = oci::ArtifactTypeOf(manifest);
    if (image.artifact_type.empty()) {
      TRY(FetchImage(manifest, image));
    } else {
      TRY(FetchArtifact(found, manifest, image));
    }
    image.manifest_digest = found.digest;
    image.manifest_media_type = manifest.media_type.empty() ? found.media_type : manifest.media_type;
    image.names = {reference_.ToString()};
    if (index_) TRY(KeepIndex(image));
    reporter_.Say("", "Digest: " + image.repo_digest);
    reporter_.Image(image);
    reporter_.Say("", (image.up_to_date ? "Status: Image is up to date for " : "Status: Downloaded newer image for ") +
                          reference_.Familiar());
    return Ok();
  }

 private:
  // An image whose index is not signed may be: it alone, and not with the others.
  Status CheckChosen(const Status& index, const std::string& digest) {
    if (index.ok()) return Ok();
    if (job_.all_platforms) return index.error().Clone();
    TRY_CTX(CheckSignatures(job_.signed_by, {client_, place_, digest}, reference_), kNeitherIsSigned);
    return Ok();
  }

  Status FetchImage(const oci::Manifest& manifest, LoadedImage& image) {
    const oci::ImageConfig config = TRY(FetchConfig(manifest.config));
    // A platform asked for by name is checked; else the image runs where it can.
    TRY(oci::CheckPlatform(reference_.Familiar(), config.platform, job_.platform));
    image.id = manifest.config.digest;
    return Apply(manifest, config, image);
  }

  // Kept as it is: nothing in it is a layer.
  Status FetchArtifact(const registry::FetchedManifest& found, const oci::Manifest& manifest, LoadedImage& image) {
    image.id = found.digest;
    image.up_to_date = job_.known_id == image.id;
    TRY(FetchBlobsOf(manifest, &image));
    image.size = found.bytes.size() + manifest.config.size;
    for (const oci::Descriptor& blob : manifest.layers) image.size += blob.size;
    return Ok();
  }

  Status FetchBlobsOf(const oci::Manifest& manifest, LoadedImage* image) {
    std::vector<oci::Descriptor> blobs = manifest.layers;
    blobs.push_back(manifest.config);
    for (const oci::Descriptor& blob : blobs) {
      if (image != nullptr) image->kept.push_back(blob.digest);
      const bool there = stores_.content.Has(blob.digest);
      if (there) {
        reporter_.Say(ShortId(blob.digest), "Already exists");
        continue;
      }
      if (image != nullptr) image->up_to_date = false;
      Counter counter(reporter_, ShortId(blob.digest), "Downloading", blob.size);
      const auto fetch = [&](const codec::ByteSink& sink) {
        return client_.GetBlob(path_, blob, [&](std::string_view bytes) {
          counter.Add(bytes.size());
          return sink(bytes);
        });
      };
      TRY_CTX(BringBlob(stores_.content, job_.lease, blob, fetch, stop_), "blob '" + blob.digest + "'");
      reporter_.Say(ShortId(blob.digest), "Download complete");
    }
    return Ok();
  }

  // With `all_platforms`, the others of the index as well. What is whole is kept as such.
  Status KeepIndex(LoadedImage& image) {
    if (job_.all_platforms) TRY(FetchRest(*index_, 0));
    KeepWhole(stores_.content, image.repo_digest, *index_, image);
    return Ok();
  }

  Status FetchRest(const oci::Index& index, int depth) {
    for (const oci::Descriptor& child : index.manifests) {
      TRY(oci::DigestHex(child.digest));
      const registry::FetchedManifest document = TRY(client_.GetManifest(path_, child.digest));
      TRY(stores_.content.Write(job_.lease, document.bytes));
      const oci::DocumentKind kind = TRY(oci::KindOfDocument(document.bytes, document.media_type));
      if (kind == oci::DocumentKind::kManifest) {
        const oci::Manifest manifest = TRY(oci::ParseManifest(document.bytes));
        TRY(FetchBlobsOf(manifest, nullptr));
        continue;
      }
      if (depth >= kMaxIndexDepth) return Error(Code::kInvalidArgument, "the image's index is nested too deeply");
      const oci::Index inner = TRY(oci::ParseIndex(document.bytes));
      TRY(FetchRest(inner, depth + 1));
    }
    return Ok();
  }

  // Follows indexes to the manifest for the platform; keeps every document on the way.
  Result<registry::FetchedManifest> Resolve(registry::FetchedManifest top) {
    const oci::Platform platform = job_.platform.os.empty() ? oci::HostPlatform() : job_.platform;
    const auto choose = [&](const oci::Index& index) {
      if (!index_) index_ = index;
      return Choose(index, platform);
    };
    const auto keep = [this](const registry::FetchedManifest& document) -> Status {
      TRY(stores_.content.Write(job_.lease, document.bytes));
      return Ok();
    };
    return FollowIndexes(client_, path_, std::move(top), choose, keep);
  }

  // Who asks for all of them need not have one that runs here.
  Result<oci::Descriptor> Choose(const oci::Index& index, const oci::Platform& platform) const {
    auto chosen = oci::SelectManifest(index, platform);
    if (chosen.ok() || !job_.all_platforms || index.manifests.empty()) return chosen;
    return index.manifests.front();
  }

  Result<oci::ImageConfig> FetchConfig(const oci::Descriptor& descriptor) {
    if (descriptor.size > kMaxConfig)
      return Error(Code::kResourceExhausted, "the image's config is larger than 4 MiB");
    const auto fetch = [&](const codec::ByteSink& sink) { return client_.GetBlob(path_, descriptor, sink); };
    TRY_CTX(BringBlob(stores_.content, job_.lease, descriptor, fetch, stop_), "image config");
    const std::string text = TRY(stores_.content.Read(descriptor.digest, kMaxConfig));
    return oci::ParseImageConfig(text);
  }

  Status Apply(const oci::Manifest& manifest, const oci::ImageConfig& config, LoadedImage& image) {
    const FetchBlob fetch = [this](const oci::Descriptor& blob, const codec::ByteSink& sink) {
      return client_.GetBlob(path_, blob, sink);
    };
    ApplyOptions options;
    options.lease = job_.lease;
    options.user_xattrs = job_.user_xattrs;
    options.keep_blobs = job_.keep_blobs;
    options.erofs = job_.erofs;
    if (job_.parallel != 0) options.parallel = job_.parallel;
    Applied applied = TRY(ApplyLayers(stores_, manifest.layers, config.diff_ids, fetch, options, reporter_, stop_));
    image.layers = std::move(applied.layers);
    image.size = applied.size;
    image.up_to_date = applied.nothing_new && image.id == job_.known_id;
    return Ok();
  }

  const TransferJob& job_;
  const Stores& stores_;
  Reporter& reporter_;
  oci::Reference reference_;
  registry::Client client_;
  std::optional<oci::Index> index_;  // what the reference names, if it is one
  const PullSource place_;  // that the client is of
  const std::string path_;  // of the repository there
  std::atomic<bool>& stop_;  // also ends the client's calls
};

}  // namespace

Result<std::string> Login(const TransferJob& job) {
  oci::Reference registry;
  registry.domain = job.reference;
  const PullSource place = SourcesOf(job, registry).front();
  registry::Client client = TRY(registry::Client::Create(ClientFor(job, place, job.reference)));
  return client.CheckLogin();
}

Status Pull(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  oci::Reference reference = TRY(oci::ParseReferenceOrLatest(job.reference));
  const std::string wanted = reference.digest.empty() ? reference.tag : reference.digest;
  reporter.Say(wanted, "Pulling from " + reference.path);
  std::atomic<bool> stop{false};
  Found found = TRY(FindManifest(job, reference, stop));
  return Puller(job, stores, reporter, std::move(reference), std::move(found.client), std::move(found.place), stop)
      .Run(std::move(found.top));
}

}  // namespace estiba::image
