#pragma once
// Signatures of images in the "simple signing" form that cosign stores, and whom they have to name
// (containers-policy.json(5), "signedIdentity").

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"

namespace estiba::oci {

struct SignedIdentity {
  enum class Match : unsigned char {
    kRepoDigestOrExact,  // the very reference, or of one by digest the repository
    kExact,
    kRepository,
    kExactReference,   // `reference`, whatever is pulled
    kExactRepository,  // the repository of `reference`
    kRemap,            // as kRepoDigestOrExact, with `prefix` of what is pulled replaced by `signed_prefix`
  };
  Match match = Match::kRepoDigestOrExact;
  std::string reference;
  std::string prefix;
  std::string signed_prefix;
};

// Somebody with one of the keys has to have signed it under such a name.
struct SignedBy {
  std::vector<std::string> keys;  // PEM
  SignedIdentity identity;
};

struct SimpleSigning {
  std::string docker_reference;  // what was signed
  std::string manifest_digest;
};
// The JSON that is signed. kInvalidArgument when it is of another kind.
Result<SimpleSigning> ParseSimpleSigning(std::string_view json);

// Whether a signature of `signed_reference` counts for `wanted`.
bool Accepts(const SignedIdentity& identity, const Reference& wanted, const std::string& signed_reference);

}  // namespace estiba::oci
