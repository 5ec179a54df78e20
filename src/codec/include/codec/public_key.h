#pragma once

#include <string_view>

#include "base/result.h"

namespace estiba::codec {

// Whether `signature` is one of the message by the owner of a public key in PEM form (SubjectPublicKeyInfo): ECDSA in
// DER or RSA PKCS #1 v1.5, both over SHA-256, or Ed25519. kInvalidArgument when the key is none.
Result<bool> VerifySignature(std::string_view pem, std::string_view message, std::string_view signature);

}  // namespace estiba::codec
