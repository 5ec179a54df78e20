#include <algorithm>
#include <array>
#include <utility>

#include "base/parse.h"
#include "base/text.h"
#include "oci/image.h"

namespace estiba::oci {
namespace {

// Names people and kernels use, and Go's, which registries use.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kAliases{{
    {"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"}, {"armhf", "arm"},
    {"armel", "arm"}, {"i386", "386"}, {"i686", "386"}, {"powerpc64le", "ppc64le"},
}};

// What a bare architecture means.
void Normalise(Platform& platform) {
  for (const auto& [alias, name] : kAliases) {
    if (platform.architecture == alias) platform.architecture = name;
  }
  const bool implied = (platform.architecture == "arm64" && platform.variant == "v8") ||
                       (platform.architecture == "amd64" && platform.variant == "v1");
  if (implied) platform.variant.clear();
  if (platform.architecture == "arm" && platform.variant.empty()) platform.variant = "v7";
}

// "v7" is 7; no variant is the first there was.
int Level(const Platform& platform) {
  if (!platform.variant.starts_with('v')) return platform.variant.empty() ? 1 : 0;
  const auto level = ParseUint(std::string_view(platform.variant).substr(1), 99);
  return level.ok() ? static_cast<int>(*level) : 0;
}

// How well a machine of the platform `wanted` runs `offered`: 0 not at all, more is better.
int Fit(Platform offered, const Platform& wanted) {
  Normalise(offered);
  if (offered.os != wanted.os || offered.architecture != wanted.architecture || !offered.os_features.empty()) return 0;
  if (offered.variant == wanted.variant) return 100;
  const int level = Level(offered);
  return level <= Level(wanted) ? level : 0;
}

}  // namespace

std::string Platform::ToString() const {
  std::string text = os + "/" + architecture;
  if (!variant.empty()) text += "/" + variant;
  return text;
}

Result<Platform> ParsePlatform(std::string_view text) {
  auto parts = Split(text, '/');
  const bool plain = std::ranges::all_of(parts, [](const std::string& part) {
    return !part.empty() &&
           part.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
               std::string::npos;
  });
  if (!plain || parts.size() > 3)
    return Error(Code::kInvalidArgument, "'" + std::string(text) + "' is not a platform (os/architecture[/variant])");
  Platform out;
  out.os = "linux";
  if (parts.size() > 1) {
    out.os = ToLower(parts.front());
    parts.erase(parts.begin());
  }
  out.architecture = ToLower(parts[0]);
  if (parts.size() > 1) out.variant = ToLower(parts[1]);
  Normalise(out);
  return out;
}

Platform HostPlatform() {
  Platform host;
  host.os = "linux";
#if defined(__x86_64__)
  host.architecture = "amd64";
#elif defined(__aarch64__)
  host.architecture = "arm64";
#elif defined(__arm__)
  host.architecture = "arm";
  host.variant = "v7";
#elif defined(__riscv) && __riscv_xlen == 64
  host.architecture = "riscv64";
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  host.architecture = "ppc64le";
#elif defined(__s390x__)
  host.architecture = "s390x";
#else
#error "name this architecture as Go's GOARCH does"
#endif
  return host;
}

Result<Descriptor> SelectManifest(const Index& index, const Platform& platform) {
  Platform wanted = platform;
  Normalise(wanted);
  const Descriptor* best = nullptr;
  int best_fit = 0;
  std::vector<std::string> offers;
  for (const Descriptor& candidate : index.manifests) {
    if (!candidate.platform) continue;
    if (candidate.platform->os != "unknown") offers.push_back(candidate.platform->ToString());
    const int fit = Fit(*candidate.platform, wanted);
    if (fit <= best_fit) continue;  // of equals, the first
    best = &candidate;
    best_fit = fit;
  }
  // An index of one manifest without a platform is what single-platform builders write.
  if (best == nullptr && index.manifests.size() == 1 && !index.manifests[0].platform) best = &index.manifests[0];
  if (best != nullptr) return *best;
  return Error(Code::kNotFound, "no matching manifest for " + wanted.ToString() + " in the manifest list entries" +
                                    (offers.empty() ? "" : " (there are " + Join(offers, ", ") + ")"));
}

Status CheckPlatform(std::string_view name, const Platform& has, const Platform& wanted) {
  if (wanted.os.empty() || has.architecture.empty()) return Ok();
  if (has.os == wanted.os && has.architecture == wanted.architecture) return Ok();
  return Error(Code::kNotFound, "image with reference " + std::string(name) + " was found but its platform (" +
                                    has.ToString() + ") does not match the specified platform (" + wanted.ToString() +
                                    ")");
}

bool IsForeignLayer(const Descriptor& layer) {
  return layer.media_type.find("nondistributable") != std::string::npos ||
         layer.media_type == media::kDockerForeignGzip || layer.media_type == media::kDockerForeign;
}

}  // namespace estiba::oci
