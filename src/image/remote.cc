#include "remote.h"

#include <algorithm>
#include <utility>

#include "stored_image.h"

namespace estiba::image {
namespace {

constexpr unsigned kMaxRanges = 16;

// What the last place said, with what the others had said.
Error NoneOf(std::vector<Error> failures) {
  Error last = std::move(failures.back());
  failures.pop_back();
  if (failures.empty()) return last;
  std::string others;
  for (const Error& failure : failures) others += (others.empty() ? "" : "; ") + failure.Message();
  return std::move(last).Hint("mirrors were tried before: " + others);
}

// The first of the places that may be asked for `wanted` and has it.
Result<Found> FindAmong(const TransferJob& job, const std::vector<PullSource>& sources, const std::string& own_host,
                        const std::string& wanted, std::atomic<bool>& stop) {
  const bool by_digest = oci::IsDigest(wanted);
  std::vector<Error> failures;
  for (const PullSource& source : sources) {
    if (by_digest ? !source.pulls : !source.resolves) continue;
    registry::ClientOptions options = ClientFor(job, source, own_host);
    options.stop = &stop;
    registry::Client client = TRY(registry::Client::Create(std::move(options)));
    auto top = client.GetManifest(source.path, wanted);
    if (top.ok()) return Found{std::move(client), source, std::move(*top)};
    failures.push_back(std::move(top).error());
  }
  if (!failures.empty()) return NoneOf(std::move(failures));
  return Error(Code::kFailedPrecondition,
               "by their capabilities in hosts.toml no place may be asked for '" + wanted + "'");
}

// Whether what a tag means has to be asked of others than have its bytes.
bool AreApart(const std::vector<PullSource>& sources) {
  return std::ranges::any_of(sources, [](const PullSource& source) { return source.resolves != source.pulls; });
}

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

Result<Found> FindManifest(const TransferJob& job, const oci::Reference& reference, std::atomic<bool>& stop) {
  const std::vector<PullSource> sources = SourcesOf(job, reference);
  const std::string wanted = reference.digest.empty() ? reference.tag : reference.digest;
  Found found = TRY(FindAmong(job, sources, reference.domain, wanted, stop));
  if (!reference.digest.empty() || !AreApart(sources)) return found;
  return FindAmong(job, sources, reference.domain, found.top.digest, stop);
}

Result<registry::FetchedManifest> FollowIndexes(registry::Client& client, const std::string& path,
                                                registry::FetchedManifest document, const ChooseManifest& choose,
                                                const std::function<Status(const registry::FetchedManifest&)>& visit) {
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    const oci::DocumentKind kind = TRY(oci::KindOfDocument(document.bytes, document.media_type));
    if (visit) TRY(visit(document));
    if (kind == oci::DocumentKind::kManifest) return document;
    const oci::Index index = TRY(oci::ParseIndex(document.bytes));
    const oci::Descriptor chosen = TRY(choose(index));
    TRY(oci::DigestHex(chosen.digest));  // what is none could not be checked
    document = TRY(client.GetManifest(path, chosen.digest));
  }
  return Error(Code::kInvalidArgument, "the image's index is nested too deeply");
}

std::string WordFor(const registry::BlobPushed& pushed, const char* sent) {
  switch (pushed.how) {
    case registry::BlobPushed::How::kWasThere: return "Layer already exists";
    case registry::BlobPushed::How::kMounted: return "Mounted from " + pushed.mounted_from;
    case registry::BlobPushed::How::kSent: break;
  }
  return sent;
}

}  // namespace estiba::image
