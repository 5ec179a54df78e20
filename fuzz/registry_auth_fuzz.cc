// What a registry's WWW-Authenticate header and a credentials file may hold.
#include <cstdint>
#include <string_view>

#include "registry/auth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)estiba::registry::ParseChallenge(text).has_value();
  (void)estiba::registry::FindCredentials(text, "docker.io").ok();
  return 0;
}
