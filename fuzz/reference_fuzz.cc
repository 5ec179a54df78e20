// References: what parses is the same after writing and parsing again, short or in full.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oci/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reference = estiba::oci::ParseReference(text);
  if (!reference.ok()) return 0;
  const auto full = estiba::oci::ParseReference(reference->ToString());
  const auto familiar = estiba::oci::ParseReference(reference->Familiar());
  if (!full.ok() || !(*full == *reference) || !familiar.ok() || !(*familiar == *reference)) std::abort();
  if (reference->path.find("..") != std::string::npos) std::abort();
  return 0;
}
