#include "load.h"

#include <algorithm>
#include <atomic>

#include <sys/stat.h>

#include "apply.h"
#include "archive_scan.h"
#include "codec/json.h"
#include "codec/json_reader.h"
#include "oci/reference.h"
#include "os/file.h"
#include "stored_image.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::Json;

constexpr std::size_t kMaxImages = 1000;

// An image of the archive: its manifest is in the content store.
struct Candidate {
  std::string manifest_digest;
  std::string index_digest;  // that it came from, or empty
  oci::Manifest manifest;
  std::vector<std::string> names;
};

// One element of docker-save's manifest.json.
struct SavedImage {
  std::string config;
  std::vector<std::string> tags;
  std::vector<std::string> layers;
};

void AddName(std::vector<std::string>& names, const std::string& text) {
  const auto reference = oci::ParseReferenceOrLatest(text);
  if (!reference.ok() || reference->tag.empty()) return;  // a name we could not show is no name
  const std::string name = reference->ToString();
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

Result<std::vector<SavedImage>> ParseSaved(const std::string& text) {
  const Json json = TRY_CTX(codec::ParseJson(text), "parse manifest.json");
  if (!json.IsArray()) return Error(Code::kInvalidArgument, "parse manifest.json: it is no list");
  if (json.size() > kMaxImages) return Error(Code::kResourceExhausted, "manifest.json names more than 1000 images");
  std::vector<SavedImage> out;
  for (const Json& item : *json.IfArray()) {
    codec::Reader in(item);
    SavedImage& image = out.emplace_back();
    in.Require("Config", &image.config);
    in.Read("RepoTags", &image.tags);
    in.Read("Layers", &image.layers);
    TRY_CTX(in.Finish(), "parse manifest.json");
  }
  return out;
}

class Loader {
 public:
  Loader(const TransferJob& job, const Stores& stores, Reporter& reporter, ScannedArchive archive,
         PreparedLayers& prepared)
      : job_(job), stores_(stores), reporter_(reporter), archive_(std::move(archive)), prepared_(prepared) {}

  Status Run() {
    const bool layout = archive_.documents.contains("index.json") && archive_.documents.contains("oci-layout");
    if (!layout && !archive_.documents.contains("manifest.json"))
      return Error(Code::kInvalidArgument,
                   "the archive is neither a docker-save archive nor an OCI layout: it has no manifest.json "
                   "and no index.json");
    TRY(layout ? CollectLayout() : CollectSaved());
    if (candidates_.empty()) return Error(Code::kInvalidArgument, "the archive holds no image");
    for (const Candidate& candidate : candidates_) TRY(LoadOne(candidate));
    return Ok();
  }

 private:
  // The old form: layers and configs under names of their own; a manifest is made for them.
  Status CollectSaved() {
    const std::vector<SavedImage> saved = TRY(ParseSaved(archive_.documents["manifest.json"]));
    for (const SavedImage& image : saved) {
      Candidate candidate;
      candidate.manifest.media_type = oci::media::kDockerManifest;
      const StoredFile config = TRY(FindNamed(image.config));
      candidate.manifest.config.media_type = oci::media::kDockerConfig;
      candidate.manifest.config.digest = config.digest;
      candidate.manifest.config.size = config.size;
      for (const std::string& path : image.layers) {
        oci::Descriptor layer = TRY(DescribeLayer(path));
        candidate.manifest.layers.push_back(std::move(layer));
      }
      candidate.manifest_digest = TRY(stores_.content.Write(job_.lease, oci::WriteManifest(candidate.manifest)));
      for (const std::string& tag : image.tags) AddName(candidate.names, tag);
      candidates_.push_back(std::move(candidate));
    }
    return Ok();
  }

  Result<StoredFile> FindNamed(const std::string& path) {
    const std::string clean = TRY_CTX(CleanPath(path), "manifest.json");
    return TRY_CTX(archive_.Find(clean), "manifest.json");
  }

  Result<oci::Descriptor> DescribeLayer(const std::string& path) {
    const StoredFile file = TRY(FindNamed(path));
    const os::UniqueFd blob = TRY(stores_.content.OpenBlob(file.digest));
    std::string head(6, '\0');
    const ssize_t n = ::pread(blob.get(), head.data(), head.size(), 0);
    head.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    const codec::Compression format = codec::DetectCompression(head);
    if (format == codec::Compression::kBzip2 || format == codec::Compression::kXz)
      return Error(Code::kNotImplemented,
                   "layer '" + path + "' is compressed with bzip2 or xz, which images have no type for")
          .Hint("load it with docker and save it again");
    oci::Descriptor out;
    out.media_type = format == codec::Compression::kGzip   ? oci::media::kDockerLayerGzip
                     : format == codec::Compression::kZstd ? oci::media::kOciLayerZstd
                                                           : oci::media::kDockerLayer;
    out.digest = file.digest;
    out.size = file.size;
    return out;
  }

  Status CollectLayout() {
    const oci::Index index = TRY_CTX(oci::ParseIndex(archive_.documents["index.json"]), "index.json");
    for (const oci::Descriptor& descriptor : index.manifests) TRY(CollectManifest(descriptor));
    // What docker writes beside the layout: names by config.
    if (!archive_.documents.contains("manifest.json")) return Ok();
    const std::vector<SavedImage> saved = TRY(ParseSaved(archive_.documents["manifest.json"]));
    for (const SavedImage& image : saved) {
      const auto config = FindNamed(image.config);
      for (Candidate& candidate : candidates_) {
        if (!config.ok() || config->digest != candidate.manifest.config.digest) continue;
        for (const std::string& tag : image.tags) AddName(candidate.names, tag);
      }
    }
    return Ok();
  }

  Status CollectManifest(const oci::Descriptor& top) {
    if (top.platform && top.platform->os == "unknown") return Ok();  // an attestation
    oci::Descriptor descriptor = top;
    std::string text = TRY_CTX(ReadBlob(descriptor.digest), "index.json");
    for (int depth = 0; TRY(oci::KindOfDocument(text, descriptor.media_type)) == oci::DocumentKind::kIndex; ++depth) {
      if (depth >= kMaxIndexDepth)
        return Error(Code::kInvalidArgument, "index '" + top.digest + "' is nested too deeply");
      const oci::Index inner = TRY(oci::ParseIndex(text));
      descriptor = TRY_CTX(Choose(inner), "index '" + top.digest + "'");
      text = TRY_CTX(ReadBlob(descriptor.digest), "index '" + top.digest + "'");
    }
    Candidate* candidate = TRY(CandidateFor(descriptor.digest, text));
    if (top.digest != descriptor.digest) candidate->index_digest = top.digest;
    const auto full = top.annotations.find("io.containerd.image.name");
    const auto ref = top.annotations.find("org.opencontainers.image.ref.name");
    if (full != top.annotations.end()) {
      AddName(candidate->names, full->second);
    } else if (ref != top.annotations.end() && ref->second.find_first_of(":/") != std::string::npos) {
      AddName(candidate->names, ref->second);  // a bare "latest" is the tag of a name nobody wrote down
    }
    return Ok();
  }

  // The one asked for; else what runs here, or, where nothing does, the first that the archive has.
  Result<oci::Descriptor> Choose(const oci::Index& index) const {
    if (!job_.platform.os.empty()) return oci::SelectManifest(index, job_.platform);
    auto chosen = oci::SelectManifest(index, oci::HostPlatform());
    if (chosen.ok()) return chosen;
    for (const oci::Descriptor& one : index.manifests) {
      const bool attestation = one.platform && one.platform->os == "unknown";
      if (!attestation && oci::IsDigest(one.digest) && stores_.content.Has(one.digest)) return one;
    }
    return chosen;
  }

  Result<Candidate*> CandidateFor(const std::string& digest, const std::string& text) {
    const auto known = std::ranges::find(candidates_, digest, &Candidate::manifest_digest);
    if (known != candidates_.end()) return &*known;
    if (candidates_.size() >= kMaxImages)
      return Error(Code::kResourceExhausted, "the archive has more than 1000 images");
    Candidate candidate;
    candidate.manifest = TRY(oci::ParseManifest(text));
    candidate.manifest_digest = digest;
    candidates_.push_back(std::move(candidate));
    return &candidates_.back();
  }

  Result<std::string> ReadBlob(const std::string& digest) {
    const std::string hex = TRY(oci::DigestHex(digest));
    TRY(archive_.Find("blobs/sha256/" + hex));
    return stores_.content.Read(digest, kMaxDocument);
  }

  Status LoadOne(const Candidate& candidate) {
    LoadedImage image;
    image.manifest_digest = candidate.manifest_digest;
    image.manifest_media_type = candidate.manifest.media_type;
    image.names = candidate.names;
    image.artifact_type = oci::ArtifactTypeOf(candidate.manifest);
    TRY(image.artifact_type.empty() ? Unpack(candidate, image) : KeepArtifact(candidate, image));
    if (!candidate.index_digest.empty()) {
      const std::string text = TRY(ReadBlob(candidate.index_digest));
      const oci::Index index = TRY(oci::ParseIndex(text));
      KeepWhole(stores_.content, candidate.index_digest, index, image);
    }
    reporter_.Image(image);
    for (const std::string& name : candidate.names) {
      const auto reference = oci::ParseReference(name);
      reporter_.Stream("Loaded image: " + (reference.ok() ? reference->Familiar() : name) + "\n");
    }
    if (candidate.names.empty()) reporter_.Stream("Loaded image ID: " + image.id + "\n");
    return Ok();
  }

  Status Unpack(const Candidate& candidate, LoadedImage& image) {
    image.id = candidate.manifest.config.digest;
    const std::string config_text = TRY_CTX(stores_.content.Read(image.id, kMaxDocument), "read the image's config");
    const oci::ImageConfig config = TRY(oci::ParseImageConfig(config_text));
    const std::string name = candidate.names.empty() ? image.id : candidate.names.front();
    TRY(oci::CheckPlatform(name, config.platform, job_.platform));
    const FetchBlob none = [](const oci::Descriptor& blob, const codec::ByteSink&) -> Status {
      return Error(Code::kInvalidArgument, "the archive has no blob '" + blob.digest + "'");
    };
    ApplyOptions options;
    options.lease = job_.lease;
    options.user_xattrs = job_.user_xattrs;
    options.erofs = job_.erofs;
    options.fetching = "Loading layer";
    options.pull_words = false;
    options.prepared = &prepared_;
    if (job_.parallel != 0) options.parallel = job_.parallel;
    std::atomic<bool> stop{false};
    Applied applied =
        TRY(ApplyLayers(stores_, candidate.manifest.layers, config.diff_ids, none, options, reporter_, stop));
    image.layers = std::move(applied.layers);
    image.size = applied.size;
    return Ok();
  }

  Status KeepArtifact(const Candidate& candidate, LoadedImage& image) {
    image.id = candidate.manifest_digest;
    image.size = TRY(stores_.content.Size(image.id));
    std::vector<oci::Descriptor> blobs = candidate.manifest.layers;
    blobs.push_back(candidate.manifest.config);
    for (const oci::Descriptor& blob : blobs) {
      image.size += TRY_CTX(stores_.content.Size(blob.digest), "artifact '" + image.id + "'");
      image.kept.push_back(blob.digest);
    }
    return Ok();
  }

  const TransferJob& job_;
  const Stores& stores_;
  Reporter& reporter_;
  ScannedArchive archive_;
  PreparedLayers& prepared_;
  std::vector<Candidate> candidates_;
};

}  // namespace

Status Load(const TransferJob& job, const Stores& stores, int archive, Reporter& reporter) {
  PreparedLayers prepared(stores, job);
  struct stat status {};
  const bool directory = ::fstat(archive, &status) == 0 && S_ISDIR(status.st_mode);
  ScannedArchive scanned = TRY(directory ? ScanDirectory(archive, stores.content, job.lease, prepared)
                                         : ScanArchive(archive, stores.content, job.lease, prepared));
  return Loader(job, stores, reporter, std::move(scanned), prepared).Run();
}

}  // namespace estiba::image
