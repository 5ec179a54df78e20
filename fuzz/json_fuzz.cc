// What the JSON parser accepts, written and read again, is the same value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "apitypes/container.h"
#include "codec/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json =
      estiba::codec::ParseJson({reinterpret_cast<const char*>(data), size}, {.depth = 64, .bytes = 1U << 20});
  if (!json.ok()) return 0;
  const std::string text = json->Dump();
  const auto again = estiba::codec::ParseJson(text);
  if (!again.ok() || again->Dump() != text) std::abort();
  const auto create = estiba::apitypes::ContainerCreate::FromJson(*json);
  if (create.ok()) {
    const auto twice = estiba::apitypes::ContainerCreate::FromJson(create->ToJson());
    if (!twice.ok() || twice->ToJson().Dump() != create->ToJson().Dump()) std::abort();
  }
  return 0;
}
