#include "mount_points.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace estiba::image {

MountPoints::MountPoints(const ContainerTree& tree) : tree_(tree) {
  for (const std::string& path : tree.mount_points) {
    std::string whole;
    for (const std::string& part : Split(path, '/')) {
      whole += (whole.empty() ? "" : "/") + part;
      known_.insert(whole);
    }
  }
}

Result<bool> MountPoints::Made(const OverlayDirectory& upper, const OverlayEntry& entry,
                               const OverlayDirectory& lower) const {
  if (entry.whiteout || !Known(upper.place().PathOf(entry.name))) return false;
  const std::optional<OverlayEntry> before = TRY(lower.Find(entry.name));
  if (S_ISREG(entry.info.st_mode)) return !before && entry.info.st_size == 0;
  if (!S_ISDIR(entry.info.st_mode)) return false;
  // A copy has every directory of the image, whatever was made in it.
  if (before && (tree_.copied || !SameOwnerAndMode(before->info, entry.info))) return false;
  return HoldsNothingElse(upper.Below(entry.name), lower.Below(entry.name));
}

Result<bool> MountPoints::HoldsNothingElse(OverlayPlace upper_place, OverlayPlace lower_place) const {
  const OverlayDirectory upper = TRY(OverlayDirectory::Open({tree_.upper}, std::move(upper_place)));
  if (upper.opaque()) return false;
  const OverlayDirectory lower = TRY(OverlayDirectory::Open(tree_.lowers, std::move(lower_place)));
  const std::vector<OverlayEntry> entries = TRY(upper.List(Whiteouts::kShow));
  for (const OverlayEntry& entry : entries) {
    if (!TRY(Made(upper, entry, lower))) return false;
  }
  return true;
}

}  // namespace estiba::image
