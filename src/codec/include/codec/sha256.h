#pragma once
// In estiba::codec_stream (links libcrypto).

#include <memory>
#include <string>
#include <string_view>

namespace estiba::codec {

// SHA-256 of a stream. Abort()s only when libcrypto has no SHA-256 at all.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void Update(std::string_view bytes);
  // 64 hexadecimal digits. Nothing can be added after.
  std::string HexDigest();
  // "sha256:" and the digits.
  std::string Digest() { return "sha256:" + HexDigest(); }

 private:
  struct Free {
    void operator()(void* context) const noexcept;
  };
  std::unique_ptr<void, Free> context_;
};

// "sha256:…" of bytes at hand.
std::string DigestOf(std::string_view bytes);

}  // namespace estiba::codec
