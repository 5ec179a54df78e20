#include "codec/public_key.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace estiba::codec {
namespace {

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

Result<bool> VerifySignature(std::string_view pem, std::string_view message, std::string_view signature) {
  const std::unique_ptr<BIO, Free> source(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<EVP_PKEY, Free> key(
      source ? ::PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key) {
    ::ERR_clear_error();
    return Error(Code::kInvalidArgument, "the public key is no PEM text of one")
        .Hint("it begins with '-----BEGIN PUBLIC KEY-----'");
  }
  const int kind = ::EVP_PKEY_get_base_id(key.get());
  if (kind != EVP_PKEY_EC && kind != EVP_PKEY_RSA && kind != EVP_PKEY_ED25519)
    return Error(Code::kInvalidArgument, "the public key is neither of ECDSA, RSA nor Ed25519");
  const std::unique_ptr<EVP_MD_CTX, Free> context(::EVP_MD_CTX_new());
  // Ed25519 hashes by itself.
  const EVP_MD* hash = kind == EVP_PKEY_ED25519 ? nullptr : ::EVP_sha256();
  if (!context || ::EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.get()) != 1)
    return Error(Code::kInternal, "prepare to verify a signature");
  const int verified = ::EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                                          message.size());
  ::ERR_clear_error();  // a signature of another form is one that does not fit
  return verified == 1;
}

}  // namespace estiba::codec
