// Images as the API shows them.

#include <algorithm>

#include "base/clock.h"
#include "graph_driver.h"
#include "images.h"

namespace estiba::engine {
namespace {

// "busybox:latest", "busybox", "busy*", "localhost:5000/app:*" against a familiar name with its tag.
bool GlobMatch(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (GlobMatch(pattern.substr(1), text.substr(skip))) return true;
      if (skip < text.size() && text[skip] == '/') break;
    }
    return false;
  }
  if (text.empty() || (pattern[0] != '?' && pattern[0] != text[0])) return false;
  return GlobMatch(pattern.substr(1), text.substr(1));
}

bool ReferenceMatches(const std::set<std::string>& patterns, const std::vector<std::string>& names) {
  if (patterns.empty()) return true;
  for (const std::string& pattern : patterns) {
    // A pattern is short; backtracking over more stars than this is a joke at our expense.
    if (std::count(pattern.begin(), pattern.end(), '*') > 8) continue;
    for (const std::string& name : names) {
      const std::string repository = name.substr(0, name.rfind(':'));
      if (GlobMatch(pattern, name) || GlobMatch(pattern, repository)) return true;
    }
  }
  return false;
}

}  // namespace

apitypes::ContainerConfig Images::RunConfig(const oci::ImageRunConfig& run) {
  apitypes::ContainerConfig config;
  config.user = run.user;
  config.exposed_ports = {run.exposed_ports.begin(), run.exposed_ports.end()};
  config.env = run.env;
  if (!run.entrypoint.empty()) config.entrypoint = run.entrypoint;
  if (!run.cmd.empty()) config.cmd = run.cmd;
  config.volumes = {run.volumes.begin(), run.volumes.end()};
  config.working_dir = run.working_dir;
  config.labels = {run.labels.begin(), run.labels.end()};
  config.stop_signal = run.stop_signal;
  config.shell = run.shell;
  config.on_build = run.on_build;
  if (run.healthcheck.has_value()) {
    const oci::Healthcheck& from = *run.healthcheck;
    config.healthcheck = apitypes::HealthConfig{from.test,          from.interval_ns,       from.timeout_ns,
                                                from.start_period_ns, from.start_interval_ns, from.retries};
  }
  return config;
}

apitypes::ImageSummary Images::Summary(const ImageRecord& image, const std::map<std::string, std::string>& tags) const {
  apitypes::ImageSummary summary;
  summary.id = image.id;
  for (const auto& [reference, id] : tags) {
    if (id != image.id) continue;
    const auto parsed = oci::ParseReference(reference);
    if (parsed.ok()) summary.repo_tags.push_back(parsed.value().Familiar());
  }
  for (const std::string& reference : image.repo_digests) {
    const auto parsed = oci::ParseReference(reference);
    if (parsed.ok()) summary.repo_digests.push_back(parsed.value().Familiar());
  }
  summary.created = image.created;
  summary.size = static_cast<std::int64_t>(image.size);
  summary.labels = image.labels;
  return summary;
}

Result<bool> Images::Passes(const ImageRecord& image, const apitypes::ImageSummary& summary,
                            const apitypes::Filters& filters) const {
  if (filters.Has("dangling")) {
    const bool dangling = TRY(filters.Flag("dangling", false));
    if (dangling != summary.repo_tags.empty()) return false;
  }
  if (!filters.Labels("label", image.labels)) return false;
  if (!ReferenceMatches(filters.Get("reference"), summary.repo_tags)) return false;
  for (const std::string& name : filters.Get("before")) {
    const ImagePtr other = TRY(Get(name));
    if (image.created >= other->created) return false;
  }
  for (const std::string& name : filters.Get("since")) {
    const ImagePtr other = TRY(Get(name));
    if (image.created <= other->created) return false;
  }
  return true;
}

Result<std::vector<apitypes::ImageSummary>> Images::List(const apitypes::Filters& filters) const {
  TRY(filters.Allow({"dangling", "label", "before", "since", "reference"}));
  std::map<std::string, ImagePtr> all;
  std::map<std::string, std::string> tags;
  {
    auto state = state_.Lock();
    all = state->by_id;
    tags = state->tags;
  }
  std::vector<apitypes::ImageSummary> summaries;
  for (const auto& [id, image] : all) {
    apitypes::ImageSummary summary = Summary(*image, tags);
    const bool passes = TRY(Passes(*image, summary, filters));
    if (!passes) continue;
    // A reference filter also leaves out the other names of an image, as docker's engine does.
    const std::set<std::string>& patterns = filters.Get("reference");
    std::erase_if(summary.repo_tags, [&](const std::string& tag) { return !ReferenceMatches(patterns, {tag}); });
    summary.containers = callbacks_.users ? static_cast<std::int64_t>(callbacks_.users(id).size()) : -1;
    summary.descriptor = Describe(*image);
    summaries.push_back(std::move(summary));
  }
  std::stable_sort(summaries.begin(), summaries.end(),
                   [](const auto& a, const auto& b) { return a.created > b.created; });
  return summaries;
}

std::optional<apitypes::ManifestDescriptor> Images::Describe(const ImageRecord& image) const {
  {
    auto state = state_.Lock();
    const auto known = state->described.find(image.id);
    if (known != state->described.end() && known->second.digest == image.manifest_digest) return known->second;
  }
  const auto text = content_->Read(image.manifest_digest);
  const auto manifest = text.ok() ? oci::ParseManifest(*text) : text.error().Clone();
  if (!manifest.ok()) return std::nullopt;
  apitypes::ManifestDescriptor out;
  out.media_type = manifest->media_type.empty() ? oci::media::kOciManifest : manifest->media_type;
  out.digest = image.manifest_digest;
  out.size = static_cast<std::int64_t>(text->size());
  out.artifact_type = image.artifact_type;
  out.annotations = manifest->annotations;
  auto state = state_.Lock();
  if (state->by_id.contains(image.id)) state->described.insert_or_assign(image.id, out);
  return out;
}

Result<apitypes::ImageInspect> Images::Inspect(const std::string& name) const {
  const ImagePtr image = TRY(Get(name));
  const oci::ImageConfig config = TRY(Config(*image));
  std::map<std::string, std::string> tags;
  {
    auto state = state_.Lock();
    tags = state->tags;
  }
  const apitypes::ImageSummary summary = Summary(*image, tags);
  apitypes::ImageInspect inspect;
  inspect.id = image->id;
  inspect.repo_tags = summary.repo_tags;
  inspect.repo_digests = summary.repo_digests;
  inspect.created = config.created;
  inspect.author = config.author;
  if (!config.history.empty()) inspect.comment = config.history.back().comment;
  inspect.config = RunConfig(config.config);
  inspect.architecture = config.platform.architecture;
  inspect.variant = config.platform.variant;
  inspect.os = config.platform.os;
  inspect.os_version = config.platform.os_version;
  inspect.size = static_cast<std::int64_t>(image->size);
  inspect.layers = config.diff_ids;
  std::vector<std::string> chains;
  for (const image::LayerInfo& layer : image->layers) chains.push_back(layer.chain_id);
  inspect.graph_driver = DescribeLayers(*snapshots_, chains);
  inspect.descriptor = Describe(*image);
  return inspect;
}

Result<std::vector<apitypes::ImageHistoryItem>> Images::History(const std::string& name) const {
  const ImagePtr image = TRY(Get(name));
  const oci::ImageConfig config = TRY(Config(*image));
  std::vector<apitypes::ImageHistoryItem> items;
  std::size_t layer = 0;
  for (const oci::HistoryEntry& entry : config.history) {
    apitypes::ImageHistoryItem item;
    item.id = "<missing>";
    const auto time = ParseRfc3339(entry.created);
    if (time.ok()) {
      item.created = std::chrono::floor<std::chrono::seconds>(time.value().time_since_epoch()).count();
    }
    item.created_by = entry.created_by;
    item.comment = entry.comment;
    if (!entry.empty_layer && layer < image->layers.size()) {
      item.size = static_cast<std::int64_t>(image->layers[layer++].unpacked_size);
    }
    items.push_back(std::move(item));
  }
  if (items.empty()) items.push_back({.id = "", .created = image->created, .created_by = "", .tags = {},
                                      .size = static_cast<std::int64_t>(image->size), .comment = ""});
  // Newest first; the newest is the image itself.
  std::reverse(items.begin(), items.end());
  items.front().id = image->id;
  for (const std::string& reference : NamesOf(image->id)) {
    const auto parsed = oci::ParseReference(reference);
    if (parsed.ok()) items.front().tags.push_back(parsed.value().Familiar());
  }
  return items;
}

}  // namespace estiba::engine
