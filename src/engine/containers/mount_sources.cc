// What the mounts of a container show, beyond folders of the host's: images, volumes with a device, parts of either.

#include "containers.h"

namespace estiba::engine {

Status Containers::FindMountImages(std::vector<MountPoint>& mounts) {
  for (MountPoint& mount : mounts) {
    if (mount.kind != MountPoint::Kind::kImage || !mount.image_id.empty()) continue;
    const ImagePtr image = TRY_CTX(w_.image(mount.source, ""), mount.field);
    if (image->layers.empty())
      return Error(Code::kInvalidArgument, mount.field + ": image '" + mount.source + "' has no layers");
    mount.image_id = image->id;
    for (const image::LayerInfo& layer : image->layers) mount.layers.push_back(layer.chain_id);
  }
  return Ok();
}

Status Containers::AddVolumeDevices(const ContainerRecord& record, SpecContext& context) {
  for (const MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kVolume) continue;
    auto device = TRY(w_.volumes->DeviceOf(mount.source));
    if (device.has_value()) context.volume_devices.emplace(mount.source, std::move(*device));
  }
  return Ok();
}

Result<std::vector<plan::Layer>> Containers::LayerPaths(const std::vector<std::string>& chain_ids) {
  std::vector<plan::Layer> layers;  // topmost first
  for (auto chain = chain_ids.rbegin(); chain != chain_ids.rend(); ++chain) {
    std::string path = TRY(w_.snapshots->LayerPath(*chain));
    const store::Snapshots::Form form = TRY(w_.snapshots->FormOf(*chain));
    layers.emplace_back(std::move(path), form == store::Snapshots::Form::kErofs);
  }
  return layers;
}

Result<std::vector<plan::MountSource>> Containers::PlanSources(const ContainerRecord& record,
                                                               const SpecContext& context) {
  std::vector<plan::MountSource> sources;
  for (const MountPoint& mount : record.mounts) {
    plan::MountSource source{.destination = mount.target, .subpath = mount.subpath};
    if (mount.kind == MountPoint::Kind::kImage) source.layers = TRY(LayerPaths(mount.layers));
    const auto device = context.volume_devices.find(mount.source);
    if (mount.kind == MountPoint::Kind::kVolume && device != context.volume_devices.end() && !device->second.bind) {
      source.type = device->second.type;
      source.device = device->second.device;
      source.options = device->second.options;
    }
    if (!source.subpath.empty() || !source.type.empty() || !source.layers.empty()) sources.push_back(std::move(source));
  }
  return sources;
}

void Containers::PlanCopyUps(const ContainerRecord& record, const SpecContext& context, plan::ContainerInput& input) {
  for (const MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kVolume || mount.no_copy || mount.read_only) continue;
    // What is in a device, or beneath, is known when it is mounted.
    const bool perhaps = context.volume_devices.contains(mount.source) || !mount.subpath.empty();
    if (perhaps || w_.volumes->Empty(mount.source))
      input.copy_up.push_back({mount.target, w_.volumes->Mountpoint(mount.source)});
  }
}

}  // namespace estiba::engine
