#pragma once
// Manifests that refer to others by their "subject", and the list of them that clients keep in the tag "sha256-HEX" of
// registries that keep none (distribution specification, "Referrers Tag Schema").

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/image.h"

namespace estiba::oci {

struct Referral {
  Descriptor subject;
  Descriptor referrer;  // as lists of referrers have it
};
// What a manifest of that digest says of itself; nothing when it refers to none.
std::optional<Referral> ReferralOf(std::string_view json, std::string_view media_type, std::string digest);

// "sha256-HEX" for a digest.
std::string ReferrersTag(std::string_view digest);

// The list `json` (empty: there is none yet) with the referrer in it, everything else as it was; "" when it has it
// already. kInvalidArgument when it is no index.
Result<std::string> AddToReferrers(std::string_view json, const Descriptor& referrer);

}  // namespace estiba::oci
