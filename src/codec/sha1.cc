#include "codec/sha1.h"

#include <openssl/evp.h>

namespace estiba::codec {

Result<std::string> Sha1(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::EVP_Digest(bytes.data(), bytes.size(), digest, &size, ::EVP_sha1(), nullptr) != 1)
    return Error(Code::kInternal, "hash by SHA-1: libcrypto does not do it");
  return std::string(reinterpret_cast<const char*>(digest), size);
}

}  // namespace estiba::codec
