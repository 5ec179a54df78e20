#include "pull_sources.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sources/certs_d.h"
#include "sources/folders.h"
#include "sources/policy.h"
#include "sources/registries_d.h"

namespace estiba::engine {

namespace {

Result<sources::RegistriesConf> Load(const Config& config) {
  return sources::LoadRegistriesConf(config.registries_folders, config.registries_file);
}

// The places that serve a source's images, by what certs.d says of its host.
Result<std::vector<image::PullSource>> Expand(const sources::Source& source, const Config& config) {
  std::vector<sources::Place> places = TRY(sources::PlacesOf(source.host, config.certs_folders));
  std::vector<image::PullSource> out;
  for (sources::Place& place : places) {
    image::PullSource one;
    one.host = std::move(place.host);
    one.path = source.path;
    one.via = std::move(place.via);
    one.via.insecure = place.own && source.insecure;
    one.resolves = place.resolve;
    one.pulls = place.pull;
    out.push_back(std::move(one));
  }
  return out;
}

// Scopes of registries.d are names as registries.conf leads to them: of what a mirror has, the mirror's.
Status AddSignatures(const sources::Source& source, const oci::Reference& reference, const Config& config,
                     std::vector<image::PullSource>& places) {
  const sources::RegistriesD conf = TRY(sources::LoadRegistriesD(config.registries_folders));
  const oci::Reference there{source.host, source.path, reference.tag, reference.digest};
  const std::string lookaside = conf.LookasideOf(there);
  for (image::PullSource& place : places) {
    place.lookaside = lookaside.empty() ? "file://" + config.signatures_folder : lookaside;
    // Not podman's default: what is signed by the policy's key may be anywhere.
    place.attachments = conf.UsesAttachments(there).value_or(true);
  }
  return Ok();
}

}  // namespace

Result<std::vector<image::PullSource>> SourcesOf(const oci::Reference& reference, const Config& config,
                                                 const std::vector<oci::SignedBy>& signed_by) {
  const sources::RegistriesConf conf = TRY(Load(config));
  const std::vector<sources::Source> found = TRY(conf.Resolve(reference));
  std::vector<image::PullSource> out;
  for (const sources::Source& source : found) {
    std::vector<image::PullSource> places = TRY(Expand(source, config));
    if (!signed_by.empty()) TRY(AddSignatures(source, reference, config, places));
    std::ranges::move(places, std::back_inserter(out));
  }
  return out;
}

Result<sources::Meanings> MeaningsOf(const std::string& name, const std::optional<std::string>& alias,
                                     const Config& config) {
  const sources::RegistriesConf conf = TRY(Load(config));
  return conf.short_names().MeaningsOf(name, alias);
}

Result<image::PullSource> DestinationOf(const oci::Reference& reference, const Config& config) {
  const sources::RegistriesConf conf = TRY(Load(config));
  const std::vector<sources::Source> found = TRY(conf.Resolve(reference));
  const std::vector<image::PullSource> places = TRY(Expand(found.back(), config));
  return places.back();
}

Result<std::vector<oci::SignedBy>> SignaturesOf(const oci::Reference& reference, const Config& config) {
  const std::optional<sources::Policy> policy = TRY(sources::LoadPolicy(config.registries_folders));
  return policy ? sources::SignaturesFor(*policy, reference) : std::vector<oci::SignedBy>{};
}

Result<image::PullSource> RegistryAt(const std::string& host, const Config& config) {
  const sources::RegistriesConf conf = TRY(Load(config));
  const sources::Registry* registry = conf.Find(host);
  sources::Source source;
  source.host = host;
  source.insecure = registry != nullptr && registry->own.insecure;
  const std::vector<image::PullSource> places = TRY(Expand(source, config));
  return places.back();
}

}  // namespace estiba::engine
