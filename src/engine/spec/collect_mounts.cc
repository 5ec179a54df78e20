#include "../names.h"
#include "validate.h"

namespace estiba::engine {
namespace {

Error Bad(const std::string& field, const std::string& why) {
  return Error(Code::kInvalidArgument, field + ": " + why);
}

Result<MountPoint> FromBind(const apitypes::Mount& wanted, const std::string& field) {
  MountPoint mount;
  if (wanted.source.empty() || wanted.source[0] != '/') {
    return Bad(field, "invalid mount config for type \"bind\": invalid mount path: '" + wanted.source +
                          "' mount path must be absolute");
  }
  mount.source = CleanPath(wanted.source);
  if (!wanted.bind_options.has_value()) return mount;
  const apitypes::BindOptions& options = *wanted.bind_options;
  mount.propagation = options.propagation;
  mount.recursive = !options.non_recursive;
  mount.create_source = options.create_mountpoint;
  mount.read_only_recursive = !options.read_only_non_recursive;
  mount.read_only_forced = options.read_only_force_recursive;
  return mount;
}

Result<MountPoint> FromVolume(const apitypes::Mount& wanted, const std::string& field) {
  MountPoint mount;
  mount.kind = MountPoint::Kind::kVolume;
  mount.source = wanted.source;
  mount.anonymous = wanted.source.empty();
  if (!mount.anonymous) TRY(CheckName(wanted.source, "local volume"));
  if (!wanted.volume_options.has_value()) return mount;
  const apitypes::VolumeOptions& options = *wanted.volume_options;
  mount.no_copy = options.no_copy;
  if (!options.subpath.empty()) return Bad(field, "VolumeOptions.Subpath is not supported by this engine");
  if (!options.driver_name.empty() && options.driver_name != "local") {
    return Bad(field, "error looking up volume plugin " + options.driver_name + ": plugin not found");
  }
  if (!options.driver_options.empty())
    return Bad(field, "VolumeOptions.DriverConfig.Options is not supported");
  return mount;
}

Result<MountPoint> FromTmpfs(const apitypes::Mount& wanted, const std::string& field) {
  if (!wanted.source.empty())
    return Bad(field, "invalid mount config for type \"tmpfs\": field Source must not be specified");
  std::string options;
  if (wanted.tmpfs_options.has_value()) {
    const apitypes::TmpfsOptions& tmpfs = *wanted.tmpfs_options;
    if (!tmpfs.options.empty()) return Bad(field, "TmpfsOptions.Options is not supported by this engine");
    if (tmpfs.size_bytes > 0) options = "size=" + std::to_string(tmpfs.size_bytes);
    if (tmpfs.mode != 0) {
      char mode[32];
      std::snprintf(mode, sizeof mode, "mode=%o", tmpfs.mode);
      options += (options.empty() ? "" : ",") + std::string(mode);
    }
  }
  if (wanted.read_only) options += options.empty() ? "ro" : ",ro";
  return ParseTmpfs(wanted.target, options);
}

Result<MountPoint> FromMount(const apitypes::Mount& wanted, const std::string& field) {
  if (wanted.type == "tmpfs") return FromTmpfs(wanted, field);
  if (wanted.type != "bind" && wanted.type != "volume") {
    return Bad(field, "mount type '" + wanted.type + "' is not supported by this engine");
  }
  MountPoint mount = TRY(wanted.type == "bind" ? FromBind(wanted, field) : FromVolume(wanted, field));
  // The target is checked as that of an anonymous volume is.
  const MountPoint checked = TRY(AnonymousVolume(wanted.target));
  mount.target = checked.target;
  mount.read_only = wanted.read_only;
  return mount;
}

}  // namespace

Result<std::vector<MountPoint>> CollectMounts(const apitypes::ContainerCreate& create) {
  const apitypes::HostConfig& host = create.host_config;
  std::vector<MountPoint> mounts;
  const auto add = [&](MountPoint mount, std::string field) {
    mount.field = std::move(field);
    mounts.push_back(std::move(mount));
  };
  for (std::size_t i = 0; i < host.binds.size(); ++i) {
    add(TRY(ParseBind(host.binds[i])), "HostConfig.Binds[" + std::to_string(i) + "]");
  }
  for (std::size_t i = 0; i < host.mounts.size(); ++i) {
    const std::string field = "HostConfig.Mounts[" + std::to_string(i) + "]";
    add(TRY(FromMount(host.mounts[i], field)), field);
  }
  for (const auto& [target, options] : host.tmpfs) {
    add(TRY(ParseTmpfs(target, options)), "HostConfig.Tmpfs[" + target + "]");
  }
  for (const std::string& target : create.config.volumes) {
    MountPoint mount = TRY(AnonymousVolume(target));
    bool covered = false;
    for (const MountPoint& other : mounts) covered = covered || other.target == mount.target;
    if (!covered) add(std::move(mount), "Config.Volumes[" + target + "]");
  }
  TRY(SortMounts(mounts));
  return mounts;
}

}  // namespace estiba::engine
