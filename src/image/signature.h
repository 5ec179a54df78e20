#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"
#include "oci/signature.h"
#include "registry/client.h"

namespace estiba::image {

// Looks in the repository for signatures of the digest, where cosign puts them (tag "sha256-HEX.sig"), and holds them
// against every requirement. kPermissionDenied when one is not met, with the reason.
Status CheckSignatures(const std::vector<oci::SignedBy>& required, registry::Client& client, const std::string& path,
                       const oci::Reference& reference, const std::string& digest);

}  // namespace estiba::image
