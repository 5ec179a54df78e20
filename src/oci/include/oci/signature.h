#pragma once
// Signatures of images: what is signed (containers-signature(5), and what cosign made of it), and whom it has to name
// (containers-policy.json(5), "signedIdentity").

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"

namespace estiba::oci {

enum class SignatureForm : unsigned char {
  kSigstore,  // cosign's: beside the image in its repository, by a key in PEM form
  kOpenPgp,   // a signed message in a place of its own ("lookaside"), by an OpenPGP key
};

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
  SignatureForm form = SignatureForm::kSigstore;
  std::vector<std::string> keys;  // PEM; of kOpenPgp keyrings
  SignedIdentity identity;
};

struct SimpleSigning {
  std::string docker_reference;  // what was signed
  std::string manifest_digest;
};
// The JSON that is signed. kInvalidArgument when it is of another form, and when it says anything critical that is not
// understood or that could be read in two ways.
Result<SimpleSigning> ParseSimpleSigning(std::string_view json, SignatureForm form);

// Whether a signature of `signed_reference` counts for `wanted`.
bool Accepts(const SignedIdentity& identity, const Reference& wanted, const std::string& signed_reference);

}  // namespace estiba::oci
