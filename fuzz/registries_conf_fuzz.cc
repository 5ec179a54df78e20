// registries.conf: the first line is a name to look for, the rest the file.
#include <cstdint>
#include <string_view>

#include "oci/reference.h"
#include "sources/registries_conf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto conf = estiba::sources::RegistriesConf::Parse(input.substr(end + 1), "f");
  const auto reference = estiba::oci::ParseReferenceOrLatest(input.substr(0, end));
  if (!conf.ok()) return 0;
  const auto meanings = conf->short_names().MeaningsOf(input.substr(0, end));
  if (meanings.ok() && (!reference.ok() || meanings->names.empty() || meanings->local.empty())) __builtin_trap();
  if (!reference.ok()) return 0;
  const auto sources = conf->Resolve(*reference);
  if (sources.ok() && sources->empty()) __builtin_trap();
  return 0;
}
