#include "pull_sources.h"

#include <utility>

#include "sources/folders.h"
#include "sources/policy.h"

namespace estiba::engine {

Result<std::vector<image::PullSource>> SourcesOf(const oci::Reference& reference, const Config& config) {
  const sources::RegistriesConf conf = TRY(sources::LoadRegistriesConf(config.registries_folders));
  std::vector<sources::Source> found = TRY(conf.Resolve(reference));
  std::vector<image::PullSource> out;
  for (sources::Source& source : found)
    out.push_back({std::move(source.host), std::move(source.path), source.insecure});
  return out;
}

Result<image::PullSource> DestinationOf(const oci::Reference& reference, const Config& config) {
  return TRY(SourcesOf(reference, config)).back();
}

Result<std::vector<oci::SignedBy>> SignaturesOf(const oci::Reference& reference, const Config& config) {
  const std::optional<sources::Policy> policy = TRY(sources::LoadPolicy(config.registries_folders));
  return policy ? sources::SignaturesFor(*policy, reference) : std::vector<oci::SignedBy>{};
}

Result<bool> IsInsecure(const std::string& host, const Config& config) {
  const sources::RegistriesConf conf = TRY(sources::LoadRegistriesConf(config.registries_folders));
  const sources::Registry* registry = conf.Find(host);
  return registry != nullptr && registry->own.insecure;
}

}  // namespace estiba::engine
