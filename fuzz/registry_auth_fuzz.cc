// What a registry's WWW-Authenticate header and a credentials file may hold.
#include <cstdint>
#include <string_view>

#include "credentials/auth_file.h"
#include "registry/auth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)estiba::registry::ParseChallenge(text).has_value();
  auto file = estiba::credentials::AuthFile::Parse(text);
  if (!file.ok()) return 0;
  (void)file->Find("docker.io/library/app").ok();
  (void)file->HelperOf("docker.io").empty();
  file->Set("docker.io", {.username = "u", .password = "p", .identity_token = "", .registry_token = ""});
  if (!estiba::credentials::AuthFile::Parse(file->Text()).ok()) __builtin_trap();
  return 0;
}
