#pragma once

#include <vector>

#include "base/result.h"
#include "oci/reference.h"
#include "oci/signature.h"
#include "remote.h"

namespace estiba::image {

// Looks where the place keeps signatures of the digest that was found there, and holds them against every requirement.
// kPermissionDenied when one is not met, with the reason and where was looked.
Status CheckSignatures(const std::vector<oci::SignedBy>& required, Found& found, const oci::Reference& reference);

}  // namespace estiba::image
