#include <cstdint>
#include <string_view>

#include "codec/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)estiba::codec::ParseYaml({reinterpret_cast<const char*>(data), size}).ok();
  return 0;
}
