#pragma once
// The layers of a container that are EROFS images, mounted where no path leads, so that commit, diff, export and cp
// read them as the directories that other layers are. In estiba::image_work.

#include <map>
#include <string>
#include <vector>

#include "image/transfer.h"
#include "os/mount.h"
#include "store/snapshots.h"

namespace estiba::image {

class LayerMounts {
 public:
  // Before the sandbox is entered, which cannot mount. Those of job.container and job.path: none for jobs of other
  // kinds. The error
  // names the layer.
  static Result<LayerMounts> Make(const TransferJob& job, const store::Snapshots& snapshots);

  // Roots of the mounts.
  std::vector<int> Roots() const;
  // -1 when that layer was not mounted.
  int Find(const std::string& chain_id) const;

 private:
  std::map<std::string, os::DetachedMount> by_chain_id_;
};

}  // namespace estiba::image
