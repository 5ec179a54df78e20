#include "image/layer_mounts.h"

#include "os/image_mount.h"

namespace estiba::image {

Result<LayerMounts> LayerMounts::Make(const TransferJob& job, const store::Snapshots& snapshots) {
  LayerMounts out;
  std::vector<std::string> chains = job.container.layers;
  for (const ViewMount& mount : job.path.mounts) chains.insert(chains.end(), mount.layers.begin(), mount.layers.end());
  for (const std::string& chain : chains) {
    const std::string context = "layer '" + chain + "'";
    const store::Snapshots::Layer layer = TRY_CTX(snapshots.OpenLayer(chain), context);
    if (layer.form != store::Snapshots::Form::kErofs || out.by_chain_id_.contains(chain)) continue;
    out.by_chain_id_.emplace(chain, TRY_CTX(os::MountErofs(layer.fd.get()), context));
  }
  return out;
}

std::vector<int> LayerMounts::Roots() const {
  std::vector<int> out;
  for (const auto& [chain, mount] : by_chain_id_) out.push_back(mount.fd());
  return out;
}

int LayerMounts::Find(const std::string& chain_id) const {
  const auto found = by_chain_id_.find(chain_id);
  return found == by_chain_id_.end() ? -1 : found->second.fd();
}

}  // namespace estiba::image
