// Signed messages, and librnp behind their grammar: whatever comes, only what the key's owner signed may come out.
#include <cstdint>
#include <string_view>

#include "codec/openpgp.h"

namespace {

// Its secret half is gone: src/codec/tests/openpgp/make made it, and messages with one payload.
constexpr const char* kKey =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
    "\n"
    "mDMEYdBCQBYJKwYBBAHaRw8BAQdAowA8E+n0Vws7/xcbpaHmUT+o51cfe9eTXkOS\n"
    "qd8GPoi0E2VkMjU1MTlAZXhhbXBsZS5jb22IkAQTFggAOBYhBDvKbmnDxUXUASyK\n"
    "rr38QA0Do1c0BQJh0EJAAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEL38\n"
    "QA0Do1c0zVkBALRVj8+X+XyR/6oT+Ppm7w+ylQUjbbbXp4IcY4TX8pS2AQDPmOif\n"
    "8jM8if0UZwHBX7TzEcvcV2XgIkGSqqQDwlDMBw==\n"
    "=6sa3\n"
    "-----END PGP PUBLIC KEY BLOCK-----\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto keys = estiba::codec::OpenPgpKeys::Read({kKey});
  if (!keys.ok()) __builtin_trap();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto opened = keys->Open(input);
  if (opened.ok() && *opened != R"({"payload": 1})") __builtin_trap();
  return 0;
}
