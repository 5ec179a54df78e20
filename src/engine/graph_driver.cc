#include "graph_driver.h"

namespace estiba::engine {

apitypes::GraphDriver DescribeLayers(const store::Snapshots& snapshots, const std::vector<std::string>& chain_ids) {
  apitypes::GraphDriver driver;
  driver.name = "overlay2";
  std::string lower;
  for (auto chain = chain_ids.rbegin(); chain != chain_ids.rend(); ++chain) {
    const auto form = snapshots.FormOf(*chain);
    const auto path = snapshots.LayerPath(*chain);
    if (!form.ok() || !path.ok()) continue;
    if (*form == store::Snapshots::Form::kErofs) driver.name = "erofs";
    lower += (lower.empty() ? "" : ":") + *path;
  }
  driver.data["LowerDir"] = lower;
  return driver;
}

}  // namespace estiba::engine
