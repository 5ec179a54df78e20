#pragma once
// How a job reaches registries.

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

}  // namespace estiba::image
