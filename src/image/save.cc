#include "save.h"

#include <cerrno>
#include <set>

#include <unistd.h>

#include "codec/json.h"
#include "codec/tar.h"
#include "oci/reference.h"
#include "os/file.h"

namespace estiba::image {
namespace {

using codec::Json;

constexpr std::size_t kMaxDocument = 4U << 20;
constexpr std::size_t kRead = 256U << 10;

class Saver {
 public:
  Saver(const TransferJob& job, const Stores& stores, int archive)
      : job_(job), stores_(stores),
        writer_([archive](std::string_view bytes) -> Status {
          return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
        }) {}

  Status Run() {
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
  Status AddDirectory(const char* path) { return writer_.Add(Entry(path, codec::TarKind::kDirectory)); }
  Status AddDocument(const char* path, const std::string& text) {
    return writer_.AddFile(Entry(path, codec::TarKind::kFile), text);
  }

  Status AddImage(const SaveItem& item) {
    const std::string text = TRY(stores_.content.Read(item.manifest_digest, kMaxDocument));
    const oci::Manifest manifest = TRY(oci::ParseManifest(text));
    TRY(AddBlob(item.manifest_digest));
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
      AddToIndex(item, manifest, text.size(), &reference);
    }
    if (tags.empty()) AddToIndex(item, manifest, text.size(), nullptr);
    manifests_.Append(Json::MakeObject({{"Config", config}, {"RepoTags", tags.empty() ? Json() : tags}, {"Layers", layers}}));
    return Ok();
  }

  void AddToIndex(const SaveItem& item, const oci::Manifest& manifest, std::size_t size, const oci::Reference* name) {
    oci::Descriptor& descriptor = index_.manifests.emplace_back();
    descriptor.media_type = manifest.media_type.empty() ? oci::media::kOciManifest : manifest.media_type;
    descriptor.digest = item.manifest_digest;
    descriptor.size = size;
    if (name == nullptr) return;
    descriptor.annotations["io.containerd.image.name"] = name->ToString();
    descriptor.annotations["org.opencontainers.image.ref.name"] = name->tag;
  }

  // Each once; answers its path.
  Result<std::string> AddBlob(const std::string& digest) {
    const std::string hex = TRY(oci::DigestHex(digest));
    std::string path = "blobs/sha256/" + hex;
    if (!added_.insert(digest).second) return path;
    codec::TarEntry entry = Entry(path, codec::TarKind::kFile);
    entry.size = TRY(stores_.content.Size(digest));
    const os::UniqueFd blob = TRY(stores_.content.OpenBlob(digest));
    TRY(writer_.Add(entry));
    std::string buffer(kRead, '\0');
    while (true) {
      const ssize_t n = ::read(blob.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::Errno(errno, "read blob '" + digest + "'");
      if (n == 0) return path;
      TRY(writer_.Write(std::string_view(buffer).substr(0, static_cast<std::size_t>(n))));
    }
  }

  const TransferJob& job_;
  const Stores& stores_;
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
