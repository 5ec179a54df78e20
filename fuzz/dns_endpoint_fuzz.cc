// Files of endpoints: what can be read is written again as it will be read.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dns/endpoint.h"
#include "dns/zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace estiba::dns;
  const auto endpoint = DecodeEndpoint(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!endpoint.ok()) return 0;
  const std::string text = Encode(*endpoint);
  const auto again = DecodeEndpoint(text);
  if (!again.ok() || Encode(*again) != text) __builtin_trap();
  Zone zone;
  zone.Put(*endpoint);
  zone.Put(*endpoint);
  zone.Remove(endpoint->id);
  if (!zone.empty()) __builtin_trap();
  return 0;
}
