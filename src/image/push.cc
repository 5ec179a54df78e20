#include "push.h"

#include <algorithm>
#include <atomic>
#include <set>

#include <unistd.h>

#include "compress.h"
#include "oci/reference.h"
#include "parallel.h"
#include "registry/client.h"
#include "remote.h"
#include "stored_image.h"

namespace estiba::image {
namespace {

constexpr unsigned kParallel = 5;  // docker's --max-concurrent-uploads

// A blob to push and what it is called in progress lines.
struct Blob {
  oci::Descriptor descriptor;
  std::string id;  // empty: not shown (a config)
};

class ImagePusher {
 public:
  ImagePusher(const TransferJob& job, const Stores& stores, Reporter& reporter, oci::Reference repository,
              registry::Client client, std::string path, std::atomic<bool>& stop)
      : job_(job), stores_(stores), reporter_(reporter), repository_(std::move(repository)),
        client_(std::move(client)), target_{std::move(path), {}}, stop_(stop) {
    std::set<std::string> sources;
    for (const BlobOrigin& origin : job.origins) sources.insert(origin.repositories.begin(), origin.repositories.end());
    target_.mount_from.assign(sources.begin(), sources.end());
  }

  Status PushTag(const PushItem& item) {
    StoredDocument top = TRY(Choose(item));
    auto compressed = TRY(Compressed(item, top));
    if (compressed) top = std::move(compressed->document);
    if (top.kind == oci::DocumentKind::kIndex) {
      TRY(PushChildren(top));
    } else {
      TRY(PushBlobsOf(top));
    }
    TRY(client_.PutManifest(target_, item.tag, top.text, top.media_type));
    reporter_.Say("", item.tag + ": digest: " + top.digest + " size: " + std::to_string(top.text.size()));
    if (compressed) reporter_.Image(compressed->image);
    reporter_.Pushed({item.tag, item.image_id, repository_.Name() + "@" + top.digest, top.text.size()});
    return Ok();
  }

 private:
  Result<StoredDocument> Read(const std::string& digest, const std::string& media_type = {}) const {
    return ReadDocument(stores_.content, digest, media_type);
  }

  Result<std::optional<CompressedImage>> Compressed(const PushItem& item, const StoredDocument& top) {
    if (!item.compress || top.kind == oci::DocumentKind::kIndex) return std::optional<CompressedImage>();
    return CompressLayers(job_, stores_, top, reporter_, stop_);
  }

  // An index names what only some of which may be here: a registry refuses one that is not whole.
  Result<StoredDocument> Choose(const PushItem& item) const {
    if (!job_.platform.os.empty()) return ReadFor(item);
    if (auto index = FindWholeIndex(stores_.content, item.index_digests)) return std::move(*index);
    return Read(item.manifest_digest);
  }

  // One platform's image alone.
  Result<StoredDocument> ReadFor(const PushItem& item) const {
    StoredDocument document = TRY(Read(item.manifest_digest));
    const oci::Manifest manifest = TRY(oci::ParseManifest(document.text));
    const std::string text = TRY(stores_.content.Read(manifest.config.digest, kMaxDocument));
    const oci::ImageConfig config = TRY(oci::ParseImageConfig(text));
    TRY(oci::CheckPlatform(repository_.FamiliarName() + ":" + item.tag, config.platform, job_.platform));
    return document;
  }

  Status PushChildren(const StoredDocument& top) {
    const oci::Index index = TRY(oci::ParseIndex(top.text));
    for (const oci::Descriptor& child : index.manifests) {
      const StoredDocument document = TRY(Read(child.digest, child.media_type));
      // An index within an index.
      TRY(document.kind == oci::DocumentKind::kIndex ? PushChildren(document) : PushBlobsOf(document));
      TRY(client_.PutManifest(target_, document.digest, document.text, document.media_type));
    }
    return Ok();
  }

  // Named by their diff ids, as docker does; by their digests where there are none (artifacts).
  std::vector<std::string> IdsOf(const oci::Manifest& manifest) const {
    std::vector<std::string> ids;
    const auto text = stores_.content.Read(manifest.config.digest, kMaxDocument);
    const auto config = text.ok() ? oci::ParseImageConfig(*text) : text.error().Clone();
    const bool known = config.ok() && config->diff_ids.size() == manifest.layers.size();
    for (std::size_t i = 0; i < manifest.layers.size(); ++i)
      ids.push_back(ShortId(known ? config->diff_ids[i] : manifest.layers[i].digest));
    return ids;
  }

  Status PushBlobsOf(const StoredDocument& document) {
    const oci::Manifest manifest = TRY(oci::ParseManifest(document.text));
    const std::vector<std::string> ids = IdsOf(manifest);
    std::vector<Blob> blobs;
    // The topmost layer first, as docker lists them.
    for (std::size_t i = manifest.layers.size(); i-- > 0;) {
      const oci::Descriptor& layer = manifest.layers[i];
      reporter_.Say(ids[i], "Preparing");
      if (oci::IsForeignLayer(layer)) {
        reporter_.Say(ids[i], "Skipped foreign layer");
      } else if (done_.insert(layer.digest).second) {
        blobs.push_back({layer, ids[i]});
      } else {
        reporter_.Say(ids[i], "Layer already exists");
      }
    }
    if (done_.insert(manifest.config.digest).second) blobs.push_back({manifest.config, ""});
    return PushAll(blobs);
  }

  Status PushAll(const std::vector<Blob>& blobs) {
    const std::size_t parallel = std::min<std::size_t>(job_.parallel == 0 ? kParallel : job_.parallel, blobs.size());
    for (std::size_t i = parallel; i < blobs.size(); ++i)
      if (!blobs[i].id.empty()) reporter_.Say(blobs[i].id, "Waiting");
    return InParallel(blobs.size(), parallel, stop_, [&](std::size_t i) { return PushOne(blobs[i]); });
  }

  Status PushOne(const Blob& blob) {
    const oci::Descriptor& descriptor = blob.descriptor;
    // The registry may have what is not kept here.
    const auto file = stores_.content.OpenBlob(descriptor.digest);
    if (file.ok()) TRY(CheckSize(descriptor));
    Counter counter(reporter_, blob.id, "Pushing", descriptor.size);
    registry::BlobPush push;
    push.blob = descriptor;
    push.read = [&](std::uint64_t at, char* out, std::size_t room) -> Result<std::size_t> {
      if (file.ok()) return ReadAt(file->get(), descriptor, at, out, room);
      return Error(Code::kNotFound, "blob '" + descriptor.digest + "' of the image is not kept")
          .Hint("pull or load the image again");
    };
    if (!blob.id.empty()) push.progress = [&counter](std::uint64_t sent) { counter.Set(sent); };
    for (const BlobOrigin& origin : job_.origins)
      if (origin.digest == descriptor.digest) push.mount_from = origin.repositories;
    const registry::BlobPushed pushed = TRY(client_.PushBlob(target_, push));
    if (!blob.id.empty()) reporter_.Say(blob.id, WordFor(pushed, "Pushed"));
    return Ok();
  }

  Status CheckSize(const oci::Descriptor& blob) const {
    const std::uint64_t kept = TRY(stores_.content.Size(blob.digest));
    if (kept == blob.size) return Ok();
    return Error(Code::kDataLoss, "blob '" + blob.digest + "' has " + std::to_string(kept) + " bytes, not the " +
                                      std::to_string(blob.size) + " of its manifest");
  }

  static Result<std::size_t> ReadAt(int fd, const oci::Descriptor& blob, std::uint64_t at, char* out,
                                    std::size_t room) {
    const ssize_t n = ::pread(fd, out, room, static_cast<off_t>(at));
    if (n < 0) return Error::Errno(errno, "read blob '" + blob.digest + "'");
    if (n == 0) return Error(Code::kDataLoss, "blob '" + blob.digest + "' ends at byte " + std::to_string(at));
    return static_cast<std::size_t>(n);
  }

  const TransferJob& job_;
  const Stores& stores_;
  Reporter& reporter_;
  const oci::Reference repository_;
  registry::Client client_;
  registry::PushTarget target_;
  std::atomic<bool>& stop_;  // also ends the client's calls
  std::set<std::string> done_;
};

}  // namespace

Status Push(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  const oci::Reference repository = TRY(oci::ParseReference(job.reference));
  const PullSource destination = SourcesOf(job, repository).front();
  std::atomic<bool> stop{false};
  registry::ClientOptions options = ClientFor(job, destination, repository.domain);
  options.stop = &stop;
  registry::Client client = TRY(registry::Client::Create(std::move(options)));
  ImagePusher pusher(job, stores, reporter, repository, std::move(client), destination.path, stop);
  for (const PushItem& item : job.pushes) TRY(pusher.PushTag(item));
  return Ok();
}

}  // namespace estiba::image
