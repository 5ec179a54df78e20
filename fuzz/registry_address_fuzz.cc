// What registries answer about where to go on: Location, Link and Range.
#include <cstdint>
#include <string_view>

#include "address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace registry = estiba::registry;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto base = registry::ParseAddress("https://h.io/v2/app/blobs/uploads/?a=b");
  const auto next = registry::Resolve(*base, text);
  if (next) {
    // What is followed is one address, however often it is read.
    const auto again = registry::ParseAddress(next->Origin() + next->rest);
    if (!again || again->Origin() != next->Origin() || again->rest != next->rest) __builtin_trap();
  }
  (void)registry::NextLink(text);
  const auto has = registry::UploadedBytes(text);
  if (has && *has == 1) __builtin_trap();
  return 0;
}
