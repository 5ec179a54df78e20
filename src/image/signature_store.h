#pragma once
// Where signatures of images are kept. Nothing here is trusted: whoever reads them has to verify them.

#include <string>
#include <vector>

#include "base/result.h"
#include "registry/client.h"

namespace estiba::image {

// cosign's, of a digest: what was signed, and the signature.
struct AttachedSignature {
  std::string payload;
  std::string bytes;
};
// The tag they have in the image's repository: "sha256-HEX.sig".
Result<std::string> AttachedTag(const std::string& digest);
// Those that cannot be read do not count; at most 100.
Result<std::vector<AttachedSignature>> FetchAttached(registry::Client& client, const std::string& path,
                                                     const std::string& digest);

// Where the signatures of a digest of the repository are below a lookaside (containers-registries.d(5)):
// "https://s/path@sha256=HEX". What follows is "/signature-1", and so on.
Result<std::string> LookasideOf(const std::string& base, const std::string& path, const std::string& digest);
// What is there, as it is, from the first to the one that is missing; at most 100, each of at most 1 MiB.
Result<std::vector<std::string>> FetchLookaside(const std::string& lookaside);

}  // namespace estiba::image
