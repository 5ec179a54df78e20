#include "pull.h"

#include <algorithm>
#include <atomic>

#include "apply.h"
#include "bring.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "remote.h"
#include "signature.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxConfig = 4U << 20;
constexpr int kMaxIndexDepth = 2;  // an index of indexes is allowed, a deeper one is not

class Puller {
 public:
  Puller(const TransferJob& job, const Stores& stores, Reporter& reporter, oci::Reference reference,
         registry::Client client, std::string path, std::atomic<bool>& stop)
      : job_(job), stores_(stores), reporter_(reporter), reference_(std::move(reference)), client_(std::move(client)),
        path_(std::move(path)), stop_(stop) {}

  Status Run(registry::FetchedManifest top) {
    LoadedImage image;
    image.repo_digest = top.digest;
    // Before anything is kept. An index that is signed vouches for the images it names.
    TRY(CheckSignatures(job_.signed_by, client_, path_, reference_, top.digest));
    const registry::FetchedManifest found = TRY(Resolve(std::move(top)));
    const oci::Manifest manifest = TRY(oci::ParseManifest(found.bytes));
    const oci::ImageConfig config = TRY(FetchConfig(manifest.config));
    // A platform asked for by name is checked; else the image runs where it can.
    TRY(oci::CheckPlatform(reference_.Familiar(), config.platform, job_.platform));
    image.id = manifest.config.digest;
    image.manifest_digest = found.digest;
    image.manifest_media_type = manifest.media_type.empty() ? found.media_type : manifest.media_type;
    image.names = {reference_.ToString()};
    TRY(Apply(manifest, config, image));
    reporter_.Say("", "Digest: " + image.repo_digest);
    reporter_.Image(image);
    reporter_.Say("", (image.up_to_date ? "Status: Image is up to date for " : "Status: Downloaded newer image for ") +
                          reference_.Familiar());
    return Ok();
  }

 private:
  // Follows indexes to the manifest for the platform; keeps every document on the way.
  Result<registry::FetchedManifest> Resolve(registry::FetchedManifest document) {
    const oci::Platform platform = job_.platform.os.empty() ? oci::HostPlatform() : job_.platform;
    for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
      const oci::DocumentKind kind = TRY(oci::KindOfDocument(document.bytes, document.media_type));
      TRY(stores_.content.Write(job_.lease, document.bytes));
      if (kind == oci::DocumentKind::kManifest) return document;
      const oci::Index index = TRY(oci::ParseIndex(document.bytes));
      const oci::Descriptor chosen = TRY(oci::SelectManifest(index, platform));
      TRY(oci::DigestHex(chosen.digest));
      document = TRY(client_.GetManifest(path_, chosen.digest));
    }
    return Error(Code::kInvalidArgument, "the image's index is nested too deeply");
  }

  Result<oci::ImageConfig> FetchConfig(const oci::Descriptor& descriptor) {
    if (descriptor.size > kMaxConfig)
      return Error(Code::kResourceExhausted, "the image's config is larger than 4 MiB");
    const std::optional<store::Claim> claim = TRY(ClaimBlob(stores_.content, descriptor.digest, stop_, [] {}));
    if (claim) {
      store::Ingest ingest = TRY(stores_.content.CreateIngest(job_.lease));
      TRY(client_.GetBlob(path_, descriptor,
                          [&ingest](std::string_view bytes) { return ingest.Write(bytes); }));
      TRY_CTX(ingest.Commit(descriptor.digest, descriptor.size), "image config");
    }
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
  std::string path_;  // of the repository at the client's registry
  std::atomic<bool>& stop_;  // also ends the client's calls
};

// What the last place said, with what the others had said.
Error NoneOf(std::vector<Error> failures) {
  Error last = std::move(failures.back());
  failures.pop_back();
  if (failures.empty()) return last;
  std::string others;
  for (const Error& failure : failures) others += (others.empty() ? "" : "; ") + failure.Message();
  return std::move(last).Hint("mirrors were tried before: " + others);
}

}  // namespace

Result<std::string> Login(const TransferJob& job) {
  oci::Reference registry;
  registry.domain = job.reference;
  const PullSource place = SourcesOf(job, registry).front();
  registry::Client client = TRY(registry::Client::Create(ClientFor(job, place, job.reference)));
  return client.CheckLogin();
}

namespace {

struct Place {
  registry::Client client;
  std::string path;
  registry::FetchedManifest top;
};

// The first of the places that may be asked for `wanted` and has it.
Result<Place> FindAmong(const TransferJob& job, const std::vector<PullSource>& sources, const std::string& own_host,
                        const std::string& wanted, std::atomic<bool>& stop) {
  const bool by_digest = oci::IsDigest(wanted);
  std::vector<Error> failures;
  for (const PullSource& source : sources) {
    if (by_digest ? !source.pulls : !source.resolves) continue;
    registry::ClientOptions options = ClientFor(job, source, own_host);
    options.stop = &stop;
    registry::Client client = TRY(registry::Client::Create(std::move(options)));
    auto top = client.GetManifest(source.path, wanted);
    if (top.ok()) return Place{std::move(client), source.path, std::move(*top)};
    failures.push_back(std::move(top).error());
  }
  if (!failures.empty()) return NoneOf(std::move(failures));
  return Error(Code::kFailedPrecondition,
               "by their capabilities in hosts.toml no place may be asked for '" + wanted + "'");
}

// Whether what a tag means has to be asked of others than have its bytes.
bool AreApart(const std::vector<PullSource>& sources) {
  return std::ranges::any_of(sources, [](const PullSource& source) { return source.resolves != source.pulls; });
}

}  // namespace

Status Pull(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  oci::Reference reference = TRY(oci::ParseReferenceOrLatest(job.reference));
  const std::vector<PullSource> sources = SourcesOf(job, reference);
  const std::string wanted = reference.digest.empty() ? reference.tag : reference.digest;
  reporter.Say(wanted, "Pulling from " + reference.path);
  std::atomic<bool> stop{false};
  Place place = TRY(FindAmong(job, sources, reference.domain, wanted, stop));
  if (reference.digest.empty() && AreApart(sources))
    place = TRY(FindAmong(job, sources, reference.domain, place.top.digest, stop));
  return Puller(job, stores, reporter, std::move(reference), std::move(place.client), place.path, stop)
      .Run(std::move(place.top));
}

}  // namespace estiba::image
