// containerd's hosts.toml.
#include <cstdint>
#include <string_view>

#include "sources/hosts_toml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read =
      estiba::sources::HostsToml::Parse(std::string_view(reinterpret_cast<const char*>(data), size), "/d");
  if (!read.ok()) return 0;
  for (const auto& host : read->hosts)
    if (host.url.empty()) __builtin_trap();
  return 0;
}
