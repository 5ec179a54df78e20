#pragma once
// SHA-1, for protocols that settled on it when it was sound (RFC 6455's handshake). Nothing is trusted by it.

#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::codec {

// The 20 bytes. Fails where libcrypto is told to do without it.
Result<std::string> Sha1(std::string_view bytes);

}  // namespace estiba::codec
