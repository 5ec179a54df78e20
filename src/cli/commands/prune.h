#pragma once
// What every prune command does: ask, prune, say what went.

#include <cstdint>
#include <string>
#include <vector>

#include "command.h"

namespace estiba::cli {

// One kind of object: the path that prunes it, the member of the report that names what went, and its title.
struct Prunable {
  std::string_view path;
  std::string_view member;
  std::string_view title;
};
inline constexpr Prunable kContainers{"/containers/prune", "ContainersDeleted", "Containers"};
inline constexpr Prunable kNetworks{"/networks/prune", "NetworksDeleted", "Networks"};
inline constexpr Prunable kVolumes{"/volumes/prune", "VolumesDeleted", "Volumes"};
inline constexpr Prunable kImageLayers{"/images/prune", "ImagesDeleted", "Images"};

// True when --force is given or the user agrees to "WARNING! This will remove …".
bool MayPrune(const Options& options, const std::string& what);
// Prunes one kind and prints what went; answers the bytes that are free again.
Result<std::int64_t> PruneOne(Api* engine, const Prunable& kind, const std::vector<std::string>& filters);
void PrintReclaimed(std::int64_t bytes);

}  // namespace estiba::cli
