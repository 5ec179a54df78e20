#pragma once
// How a job reaches registries.

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "image/transfer.h"
#include "oci/reference.h"
#include "registry/client.h"

namespace estiba::image {

// The places the job names; without any, the reference's own registry.
std::vector<PullSource> SourcesOf(const TransferJob& job, const oci::Reference& reference);

// `own_host` is the registry that the job's credentials are for: nobody else gets them.
registry::ClientOptions ClientFor(const TransferJob& job, const PullSource& source, const std::string& own_host);

// Where a manifest was found.
struct Found {
  registry::Client client;
  PullSource place;
  registry::FetchedManifest top;
};
// What the reference names, at the first of the job's sources that has it and may be asked. `stop` ends the client's
// calls, too.
Result<Found> FindManifest(const TransferJob& job, const oci::Reference& reference, std::atomic<bool>& stop);

// Which manifest of an index is wanted.
using ChooseManifest = std::function<Result<oci::Descriptor>(const oci::Index&)>;
// Follows indexes from `document` to a manifest; `visit` is shown every document on the way, the manifest last. Empty:
// nobody looks. kInvalidArgument where indexes are nested more than kMaxIndexDepth deep.
Result<registry::FetchedManifest> FollowIndexes(registry::Client& client, const std::string& path,
                                                registry::FetchedManifest document, const ChooseManifest& choose,
                                                const std::function<Status(const registry::FetchedManifest&)>& visit);

// How a blob came to be at a registry, in docker's words; `sent` is the one for a blob that was sent.
std::string WordFor(const registry::BlobPushed& pushed, const char* sent);

}  // namespace estiba::image
