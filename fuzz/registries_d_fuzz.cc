// registries.d: the first line is a reference to look for, the rest a file.
#include <cstdint>
#include <string_view>

#include "oci/reference.h"
#include "sources/registries_d.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto reference = estiba::oci::ParseReferenceOrLatest(input.substr(0, end));
  estiba::sources::RegistriesD all;
  if (!all.Add(input.substr(end + 1), "f").ok() || !reference.ok()) return 0;
  (void)all.UsesAttachments(*reference);
  // Nowhere, or in a place that something knows to read.
  const std::string place = all.LookasideOf(*reference);
  if (!place.empty() && !place.starts_with("file://") && !place.starts_with("http://") &&
      !place.starts_with("https://"))
    __builtin_trap();
  return 0;
}
