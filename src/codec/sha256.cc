#include "codec/sha256.h"

#include <cstdlib>
#include <utility>

#include <openssl/evp.h>

#include "base/text.h"

namespace estiba::codec {
namespace {

// libcrypto without SHA-256 is a broken installation: nothing could be verified, so nothing may go on.
void Check(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

void Sha256::Free::operator()(void* context) const noexcept { ::EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context)); }

Sha256::Sha256() : context_(::EVP_MD_CTX_new()) {
  Check(context_ == nullptr
            ? 0
            : ::EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), ::EVP_sha256(), nullptr));
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  Check(::EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size()));
}

std::string Sha256::HexDigest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  Check(::EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), digest, &size));
  return Hex({reinterpret_cast<const char*>(digest), size});
}

std::string DigestOf(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Digest();
}

}  // namespace estiba::codec
