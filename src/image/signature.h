#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/transfer.h"
#include "oci/reference.h"
#include "oci/signature.h"
#include "registry/client.h"

namespace estiba::image {

// A document of a registry, and where its signatures are looked for.
struct Subject {
  registry::Client& client;
  const PullSource& place;
  const std::string& digest;
};
// Looks where the place keeps signatures of the digest, and holds them against every requirement. kPermissionDenied
// when one is not met, with the reason and where was looked.
Status CheckSignatures(const std::vector<oci::SignedBy>& required, const Subject& subject,
                       const oci::Reference& reference);
// Whether what CheckSignatures said of an index leaves it open that the image chosen from it is signed itself, as
// podman asks for; else the error.
Status MayBeSignedWithin(const Status& checked, const registry::FetchedManifest& top);
inline constexpr std::string_view kNeitherIsSigned =
    "its index is not signed as it has to be, nor is the image chosen from it";

}  // namespace estiba::image
