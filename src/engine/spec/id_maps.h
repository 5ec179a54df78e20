#pragma once
// User namespaces of containers, and id-mapped mounts: what requests say of them. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/runtime_spec.h"

namespace estiba::engine {

struct IdMaps {
  std::vector<oci::IdMapping> uids{};
  std::vector<oci::IdMapping> gids{};
  bool empty() const { return uids.empty(); }
};

// What an id-mapped mount asks for, as podman writes it: "uids=0-1000-1#1-2000-10;gids=0-1000-1": first id on disk,
// first id that is seen, how many. '@' before a range: what is seen is an id of the `container`'s user namespace. Ids
// of the half that is left away stay as they are. Without a container only the letters are looked at.
Result<IdMaps> ParseIdMap(std::string_view text, const IdMaps* container);

// HostConfig.UsernsMode: "" or "host", "auto[:size=N]", "map:uidmapping=0:100000:65536[,gidmapping=…]" (podman's words;
// of a map that is given once, both are made).
struct UsernsRequest {
  enum class Kind : unsigned char { kDefault, kHost, kAuto, kMaps };
  Kind kind = Kind::kDefault;
  std::uint32_t size = 65536;  // kAuto
  IdMaps maps{};               // kMaps
};
Result<UsernsRequest> ParseUserns(const std::string& mode);

// Ids of the host that containers' user namespaces are cut from.
struct IdPool {
  std::uint32_t first = 0x40000000;
  std::uint32_t count = 0x10000000;
};
// "FIRST:COUNT".
Result<IdPool> ParseIdPool(std::string_view text);
// A range of `size` ids that none of `taken` overlaps, as both maps.
Result<IdMaps> FindFreeIds(const IdPool& pool, std::uint32_t size, const std::vector<IdMaps>& taken);

}  // namespace estiba::engine
