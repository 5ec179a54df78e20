#include "oci/state.h"

#include "codec/json.h"

namespace estiba::oci {

std::string WriteState(const State& state, bool indent) {
  using codec::Json;
  Json out = Json::MakeObject({{"ociVersion", state.oci_version},
                               {"id", state.id},
                               {"pid", state.pid},
                               {"status", state.status},
                               {"bundle", state.bundle}});
  if (!state.rootfs.empty()) out.Set("rootfs", state.rootfs);
  if (!state.created.empty()) out.Set("created", state.created);
  if (!state.annotations.empty()) {
    Json annotations = Json::MakeObject();
    for (const auto& [key, value] : state.annotations) annotations.Set(key, value);
    out.Set("annotations", std::move(annotations));
  }
  if (!state.created.empty()) out.Set("owner", state.owner);
  return out.Dump(indent ? 2 : 0);
}

}  // namespace estiba::oci
