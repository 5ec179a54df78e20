#pragma once
// What the runtime makes in a container's directory for the engine's mounts: empty files and directories at known
// paths, and their parents.

#include <set>
#include <string>

#include "base/result.h"
#include "container_tree.h"
#include "overlay_view.h"

namespace estiba::image {

class MountPoints {
 public:
  explicit MountPoints(const ContainerTree& tree);  // borrowed

  // `entry` of the container's own directory is there only because something is mounted on it or below it. `lower` is
  // the same directory of the image.
  Result<bool> Made(const OverlayDirectory& upper, const OverlayEntry& entry, const OverlayDirectory& lower) const;
  // A mount point or a directory above one.
  bool Known(const std::string& path) const { return known_.contains(path); }

 private:
  Result<bool> HoldsNothingElse(OverlayPlace upper_place, OverlayPlace lower_place) const;

  const ContainerTree& tree_;
  std::set<std::string> known_;
};

}  // namespace estiba::image
