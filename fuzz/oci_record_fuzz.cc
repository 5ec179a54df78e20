// state.json of estiba-oci: read, written, read again the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "record.h"

using namespace estiba;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = ocicli::ParseRecord({reinterpret_cast<const char*>(data), size});
  if (!record.ok()) return 0;
  const std::string written = ocicli::WriteRecord(*record);
  const auto again = ocicli::ParseRecord(written);
  if (!again.ok() || ocicli::WriteRecord(*again) != written) std::abort();
  return 0;
}
