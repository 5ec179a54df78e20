#include "remote.h"

#include <algorithm>

namespace estiba::image {
namespace {

constexpr unsigned kMaxRanges = 16;

}  // namespace

std::vector<PullSource> SourcesOf(const TransferJob& job, const oci::Reference& reference) {
  if (!job.sources.empty()) return job.sources;
  PullSource own;
  own.host = reference.domain;
  own.path = reference.path;
  return {own};
}

registry::ClientOptions ClientFor(const TransferJob& job, const PullSource& source, const std::string& own_host) {
  registry::ClientOptions options;
  options.host = source.host;
  options.via = source.via;
  if (std::ranges::find(job.insecure_registries, source.host) != job.insecure_registries.end())
    options.via.insecure = true;
  if (job.stall_timeout != 0) options.stall_timeout = std::chrono::seconds(job.stall_timeout);
  options.parallel_ranges = std::clamp(job.parallel_ranges, 1U, kMaxRanges);
  if (source.host == own_host) options.credentials = job.auth;
  return options;
}

}  // namespace estiba::image
