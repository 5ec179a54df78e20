// make_image BUSYBOX OUT: writes the built-in image estiba/busybox as an archive that is both an OCI layout and
// docker-save's. Runs at build time.

#include <cstdio>
#include <string>
#include <vector>

#include <fcntl.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "codec/stream.h"
#include "codec/tar.h"
#include "oci/image.h"
#include "os/file.h"
#include "rootfs.h"

namespace estiba::images {
namespace {

constexpr const char* kName = "estiba/busybox:latest";

struct Blob {
  std::string digest;
  std::string bytes;

  explicit Blob(std::string content) : digest(codec::DigestOf(content)), bytes(std::move(content)) {}
  std::string path() const { return "blobs/sha256/" + digest.substr(7); }
};

Result<std::string> Compress(const std::string& bytes) {
  std::string out;
  codec::GzipWriter writer([&out](std::string_view piece) -> Status {
    out.append(piece);
    return Ok();
  });
  TRY(writer.Write(bytes));
  TRY(writer.Finish());
  return out;
}

oci::Descriptor Describe(std::string_view media_type, const Blob& blob) {
  oci::Descriptor out;
  out.media_type = media_type;
  out.digest = blob.digest;
  out.size = blob.bytes.size();
  return out;
}

std::string MakeConfig(const Busybox& busybox, const std::string& diff_id) {
  oci::ImageConfig config;
  config.created = FormatRfc3339(WallTime(std::chrono::seconds(busybox.time)));
  config.platform = oci::HostPlatform();
  config.config.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  config.config.cmd = {"sh"};
  config.diff_ids = {diff_id};
  oci::HistoryEntry& entry = config.history.emplace_back();
  entry.created = config.created;
  entry.created_by = "ADD busybox /bin/busybox";
  return oci::WriteImageConfig(config);
}

std::string MakeIndex(const Blob& manifest) {
  oci::Index index;
  index.media_type = oci::media::kOciIndex;
  oci::Descriptor descriptor = Describe(oci::media::kOciManifest, manifest);
  descriptor.platform = oci::HostPlatform();
  descriptor.annotations = {{"io.containerd.image.name", std::string("docker.io/") + kName},
                            {"org.opencontainers.image.ref.name", "latest"}};
  index.manifests = {descriptor};
  return oci::WriteIndex(index);
}

Status Write(codec::TarWriter& writer, const std::string& path, const std::string& content) {
  codec::TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  return writer.AddFile(entry, content);
}

Result<std::string> MakeArchive(const Busybox& busybox) {
  const std::string tar = TRY(MakeLayer(busybox));
  std::string packed = TRY(Compress(tar));
  const Blob layer(std::move(packed));
  const Blob config(MakeConfig(busybox, codec::DigestOf(tar)));
  oci::Manifest document;
  document.media_type = oci::media::kOciManifest;
  document.config = Describe(oci::media::kOciConfig, config);
  document.layers = {Describe(oci::media::kOciLayerGzip, layer)};
  const Blob manifest(oci::WriteManifest(document));
  codec::Json saved = codec::Json::MakeArray();
  saved.Append(codec::Json::MakeObject({{"Config", config.path()},
                                        {"RepoTags", std::vector<std::string>{kName}},
                                        {"Layers", std::vector<std::string>{layer.path()}}}));
  std::string out;
  codec::TarWriter writer([&out](std::string_view bytes) -> Status {
    out.append(bytes);
    return Ok();
  });
  for (const Blob* blob : {&layer, &config, &manifest}) TRY(Write(writer, blob->path(), blob->bytes));
  TRY(Write(writer, "index.json", MakeIndex(manifest)));
  TRY(Write(writer, "manifest.json", saved.Dump()));
  TRY(Write(writer, "oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  TRY(writer.Finish());
  return out;
}

Status Run(const std::string& busybox_path, const std::string& out_path) {
  const Busybox busybox = TRY(ReadBusybox(busybox_path));
  const std::string archive = TRY(MakeArchive(busybox));
  return os::ReplaceFile({AT_FDCWD}, out_path, archive, 0644);
}

}  // namespace
}  // namespace estiba::images

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s BUSYBOX OUT\n", argv[0]);
    return 2;
  }
  const estiba::Status done = estiba::images::Run(argv[1], argv[2]);
  if (done.ok()) return 0;
  std::fprintf(stderr, "make_image: %s\n", done.error().ToString().c_str());
  return 1;
}
