#include "save.h"

#include <set>

#include "codec/json.h"
#include "codec/sha256.h"
#include "codec/tar.h"
#include "oci/reference.h"
#include "os/copy_bytes.h"
#include "os/file.h"

namespace estiba::image {
namespace {

using codec::Json;

constexpr std::size_t kMaxDocument = 4U << 20;

class Saver {
 public:
  Saver(const TransferJob& job, const Stores& stores, int archive)
      : job_(job), stores_(stores), archive_(archive),
        writer_([archive](std::string_view bytes) -> Status {
          return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
        }) {}

  Status Run() {
    for (const SaveItem& item : job_.images) TRY_CTX(CheckImage(item), "save image '" + item.manifest_digest + "'");
    TRY(AddDirectory("blobs/"));
    TRY(AddDirectory("blobs/sha256/"));
    for (const SaveItem& item : job_.images) TRY_CTX(AddImage(item), "save image '" + item.manifest_digest + "'");
    TRY(AddDocument("index.json", oci::WriteIndex(index_)));
    TRY(AddDocument("manifest.json", manifests_.Dump()));
    TRY(AddDocument("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    return writer_.Finish();
  }

 private:
  static codec::TarEntry Entry(std::string path, codec::TarKind kind) {
    codec::TarEntry entry;
    entry.path = std::move(path);
    entry.kind = kind;
    entry.mode = kind == codec::TarKind::kDirectory ? 0755 : 0644;
    return entry;
  }
  static std::string PathOf(const std::string& digest) { return "blobs/sha256/" + digest.substr(digest.find(':') + 1); }
  Status AddDirectory(const char* path) { return writer_.Add(Entry(path, codec::TarKind::kDirectory)); }
  Status AddDocument(const char* path, const std::string& text) {
    return writer_.AddFile(Entry(path, codec::TarKind::kFile), text);
  }

  // Before the first byte is out: whoever reads a pipe learns nothing of what is missing later.
  Status CheckImage(const SaveItem& item) {
    const std::string text = TRY(stores_.content.Read(item.manifest_digest, kMaxDocument));
    const oci::Manifest manifest = TRY(oci::ParseManifest(text));
    TRY(stores_.content.Size(manifest.config.digest));
    for (const oci::Descriptor& layer : manifest.layers) TRY(stores_.content.Size(layer.digest));
    return Ok();
  }

  Status AddImage(const SaveItem& item) {
    const std::string text = TRY(stores_.content.Read(item.manifest_digest, kMaxDocument));
    const oci::Manifest manifest = TRY(oci::ParseManifest(text));
    const oci::Descriptor described = TRY(AddManifest(item.manifest_digest, text, manifest));
    const std::string config = TRY(AddBlob(manifest.config.digest));
    Json layers = Json::MakeArray();
    for (const oci::Descriptor& layer : manifest.layers) {
      const std::string path = TRY(AddBlob(layer.digest));
      layers.Append(path);
    }
    Json tags = Json::MakeArray();
    for (const std::string& name : item.names) {
      const oci::Reference reference = TRY(oci::ParseReference(name));
      if (reference.tag.empty()) continue;
      tags.Append(reference.Familiar());
      AddToIndex(described, &reference);
    }
    if (tags.empty()) AddToIndex(described, nullptr);
    manifests_.Append(Json::MakeObject(
        {{"Config", config}, {"RepoTags", tags.empty() ? Json() : tags}, {"Layers", layers}}));
    return Ok();
  }

  // As it is when it is OCI's; docker's is written anew, for readers of OCI layouts skip what they do not know.
  Result<oci::Descriptor> AddManifest(const std::string& digest, const std::string& text,
                                      const oci::Manifest& manifest) {
    oci::Descriptor out;
    out.media_type = oci::media::kOciManifest;
    out.digest = digest;
    out.size = text.size();
    if (manifest.config.media_type != oci::media::kDockerConfig) {
      TRY(AddBlob(digest));
      return out;
    }
    oci::Manifest converted = manifest;
    converted.media_type = oci::media::kOciManifest;
    converted.config.media_type = oci::media::kOciConfig;
    for (oci::Descriptor& layer : converted.layers) {
      if (layer.media_type == oci::media::kDockerLayerGzip) layer.media_type = oci::media::kOciLayerGzip;
      if (layer.media_type == oci::media::kDockerLayer) layer.media_type = oci::media::kOciLayer;
    }
    const std::string bytes = oci::WriteManifest(converted);
    out.digest = codec::DigestOf(bytes);
    out.size = bytes.size();
    if (added_.insert(out.digest).second)
      TRY(writer_.AddFile(Entry(PathOf(out.digest), codec::TarKind::kFile), bytes));
    return out;
  }

  void AddToIndex(oci::Descriptor described, const oci::Reference* name) {
    if (name != nullptr) {
      described.annotations["io.containerd.image.name"] = name->ToString();
      described.annotations["org.opencontainers.image.ref.name"] = name->tag;
    }
    index_.manifests.push_back(std::move(described));
  }

  // Each once; answers its path.
  Result<std::string> AddBlob(const std::string& digest) {
    TRY(oci::DigestHex(digest));
    std::string path = PathOf(digest);
    if (!added_.insert(digest).second) return path;
    codec::TarEntry entry = Entry(path, codec::TarKind::kFile);
    entry.size = TRY(stores_.content.Size(digest));
    const os::UniqueFd blob = TRY(stores_.content.OpenBlob(digest));
    TRY(writer_.Add(entry));
    const std::uint64_t copied = TRY_CTX(os::CopyBytes(blob.get(), archive_, entry.size), "write the archive");
    if (copied != entry.size)
      return Error(Code::kDataLoss, "blob '" + digest + "' ends at byte " + std::to_string(copied));
    TRY(writer_.NoteWritten());
    return path;
  }

  const TransferJob& job_;
  const Stores& stores_;
  const int archive_;
  codec::TarWriter writer_;
  oci::Index index_{std::string(oci::media::kOciIndex), {}, {}};
  Json manifests_ = Json::MakeArray();
  std::set<std::string> added_;
};

}  // namespace

Status Save(const TransferJob& job, const Stores& stores, int archive) {
  if (job.images.empty()) return Error(Code::kInvalidArgument, "no image to save");
  return Saver(job, stores, archive).Run();
}

}  // namespace estiba::image
