#pragma once
// Images as registries and archives describe them: manifests, indexes and configs of OCI and of docker's schema 2.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::oci {

namespace media {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view kOciForeign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
inline constexpr std::string_view kOciForeignGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
inline constexpr std::string_view kDockerForeign = "application/vnd.docker.image.rootfs.foreign.diff.tar";
inline constexpr std::string_view kDockerForeignGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
inline constexpr std::string_view kDockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}  // namespace media

struct Platform {
  std::string os;            // "linux"
  std::string architecture;  // "amd64"
  std::string variant;       // "v8", or empty
  std::string os_version;
  std::vector<std::string> os_features;

  // "linux/amd64", "linux/arm64/v8".
  std::string ToString() const;
  friend bool operator==(const Platform&, const Platform&) = default;
};
// "linux/arm64/v8", "linux/amd64", "arm64"; GOARCH spellings and aliases (x86_64, aarch64) are normalised.
Result<Platform> ParsePlatform(std::string_view text);
// The platform this program was built for.
Platform HostPlatform();

struct Descriptor {
  std::string media_type;
  std::string digest;
  std::uint64_t size = 0;
  std::vector<std::string> urls;
  std::map<std::string, std::string> annotations;
  std::optional<Platform> platform;
  std::string artifact_type;
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
};

struct Manifest {
  std::string media_type;
  std::string artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::map<std::string, std::string> annotations;
};

struct Healthcheck {
  std::vector<std::string> test;  // {"CMD", …}, {"CMD-SHELL", …}, {"NONE"}
  std::int64_t interval_ns = 0;
  std::int64_t timeout_ns = 0;
  std::int64_t start_period_ns = 0;
  std::int64_t start_interval_ns = 0;
  std::int64_t retries = 0;
};

// The "config" part of an image's config: how its containers run unless told otherwise.
struct ImageRunConfig {
  std::string user;
  std::vector<std::string> exposed_ports;  // "80/tcp"
  std::vector<std::string> env;            // "KEY=value"
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> volumes;        // paths
  std::string working_dir;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string stop_signal;
  std::vector<std::string> shell;
  std::vector<std::string> on_build;
  std::optional<Healthcheck> healthcheck;
};

struct HistoryEntry {
  std::string created;
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

struct ImageConfig {
  std::string created;
  std::string author;
  Platform platform;
  ImageRunConfig config;
  std::vector<std::string> diff_ids;
  std::vector<HistoryEntry> history;
};

// Bytes of a manifest fetched by digest or tag: which kind it is, by media type and then by content. Docker's schema 1
// is refused by name.
enum class DocumentKind : unsigned char { kIndex, kManifest };
Result<DocumentKind> KindOfDocument(std::string_view json, std::string_view media_type);
// The type to send such a document by: its own, else `given`, else OCI's for its kind.
Result<std::string> MediaTypeOf(std::string_view json, std::string_view given);

// kInvalidArgument with the path of the field: "manifests[3].digest: 'x' is not a digest". Bounded: at most 4 MiB,
// 512 manifests, 500 layers (what overlayfs can stack).
Result<Index> ParseIndex(std::string_view json);
Result<Manifest> ParseManifest(std::string_view json);
Result<ImageConfig> ParseImageConfig(std::string_view json);

// Compact JSON, keys in the order of the specification: the same value always gives the same bytes.
std::string WriteIndex(const Index& index);
std::string WriteManifest(const Manifest& manifest);
std::string WriteImageConfig(const ImageConfig& config);

// kNotFound, in docker's words, when an image for `has` was found under a name for which `wanted` was asked for. An
// image that does not say what it is for goes with everything.
Status CheckPlatform(std::string_view name, const Platform& has, const Platform& wanted);

// What a manifest is of when it is of no image: its artifactType, else its config's media type. Empty for an image.
std::string ArtifactTypeOf(const Manifest& manifest);

// The same image described in the other's terms: only media types differ, and with them the digest. kNotImplemented for
// what docker's schema 2 has no word for (zstd layers).
Manifest ToOci(const Manifest& manifest);
Result<Manifest> ToDocker(const Manifest& manifest);

// A layer that is had from elsewhere and may not be put into registries (docker's foreign, OCI's nondistributable).
bool IsForeignLayer(const Descriptor& layer);

// The manifest of `index` that runs on `platform`: its operating system and architecture, the variant if it has one,
// else the best earlier variant (arm v7 runs v6; amd64 v1). Attestations ("unknown/unknown") never match. kNotFound
// names the platforms that there are.
Result<Descriptor> SelectManifest(const Index& index, const Platform& platform);

}  // namespace estiba::oci
