#include <cstdio>

#include "../names.h"
#include "base/text.h"
#include "id_maps.h"
#include "validate.h"
#include "volume_device.h"

namespace estiba::engine {
namespace {

Error Bad(const std::string& field, const std::string& why) {
  return Error(Code::kInvalidArgument, field + ": " + why);
}

std::string InvalidConfig(const std::string& type) { return "invalid mount config for type \"" + type + "\": "; }

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
  mount.id_map = options.id_map;
  if (!mount.id_map.empty() && mount.id_map != kContainerIds) TRY_CTX(ParseIdMap(mount.id_map, nullptr), field);
  return mount;
}

// Relative, and not out of where it starts, by its letters; links are looked at when it is mounted.
Status CheckSubpath(const std::string& subpath, const std::string& type, const std::string& field) {
  const auto bad = [&] {
    return Bad(field, InvalidConfig(type) + "subpath must be a relative path within the volume");
  };
  if (subpath.empty()) return Ok();
  if (subpath[0] == '/' || subpath.find('\0') != std::string::npos) return bad();
  int depth = 0;
  for (const std::string& part : Split(subpath, '/')) {
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return bad();
  }
  return Ok();
}

Result<MountPoint> FromVolume(const apitypes::Mount& wanted, const std::string& field) {
  MountPoint mount;
  mount.kind = MountPoint::Kind::kVolume;
  mount.source = wanted.source;
  mount.anonymous = wanted.source.empty();
  if (!mount.anonymous) TRY(CheckName(wanted.source, "local volume"));
  if (mount.anonymous && wanted.read_only)
    return Bad(field, InvalidConfig("volume") + "must not set ReadOnly mode when using anonymous volumes");
  if (!wanted.volume_options.has_value()) return mount;
  const apitypes::VolumeOptions& options = *wanted.volume_options;
  if (mount.anonymous && !options.subpath.empty())
    return Bad(field, InvalidConfig("volume") + "must not set Subpath when using anonymous volumes");
  TRY(CheckSubpath(options.subpath, "volume", field));
  mount.no_copy = options.no_copy;
  mount.subpath = options.subpath;
  mount.labels = options.labels;
  mount.driver_options = options.driver_options;
  if (!options.driver_name.empty() && options.driver_name != "local") {
    return Bad(field, "error looking up volume plugin " + options.driver_name + ": plugin not found");
  }
  TRY_CTX(CheckDriverOptions(options.driver_options), field);
  return mount;
}

Result<MountPoint> FromImage(const apitypes::Mount& wanted, const std::string& field) {
  if (wanted.source.empty()) return Bad(field, InvalidConfig("image") + "field Source must not be empty");
  MountPoint mount;
  mount.kind = MountPoint::Kind::kImage;
  mount.source = wanted.source;
  if (wanted.image_options.has_value()) mount.subpath = wanted.image_options->subpath;
  TRY(CheckSubpath(mount.subpath, "image", field));
  return mount;
}

// "exec" and "noexec", as docker; what else tmpfs takes goes through --tmpfs.
Result<std::string> TmpfsWords(const std::vector<std::vector<std::string>>& options, const std::string& field) {
  std::string words;
  for (const std::vector<std::string>& option : options) {
    if (option.empty() || option.size() > 2) return Bad(field, InvalidConfig("tmpfs") + "invalid option array length");
    if ((option[0] != "exec" && option[0] != "noexec") || option.size() == 2)
      return Bad(field, InvalidConfig("tmpfs") + "invalid option: " + option[0]);
    words += "," + option[0];
  }
  return words;
}

Result<MountPoint> FromTmpfs(const apitypes::Mount& wanted, const std::string& field) {
  if (!wanted.source.empty()) return Bad(field, InvalidConfig("tmpfs") + "field Source must not be specified");
  std::string options;
  if (wanted.tmpfs_options.has_value()) {
    const apitypes::TmpfsOptions& tmpfs = *wanted.tmpfs_options;
    options = TRY(TmpfsWords(tmpfs.options, field));
    if (tmpfs.size_bytes > 0) options += ",size=" + std::to_string(tmpfs.size_bytes);
    if (tmpfs.mode != 0) {
      char mode[32];
      std::snprintf(mode, sizeof mode, ",mode=%o", tmpfs.mode);
      options += mode;
    }
  }
  if (wanted.read_only) options += ",ro";
  return ParseTmpfs(wanted.target, options.empty() ? options : options.substr(1));
}

// Options of another type than the mount's.
Status CheckExtraFields(const apitypes::Mount& wanted, const std::string& field) {
  const auto extra = [&](bool present, const char* type, const char* name) -> Status {
    if (!present || wanted.type == type) return Ok();
    return Bad(field, InvalidConfig(wanted.type) + "field " + name + " must not be specified");
  };
  TRY(extra(wanted.bind_options.has_value(), "bind", "BindOptions"));
  TRY(extra(wanted.volume_options.has_value(), "volume", "VolumeOptions"));
  TRY(extra(wanted.tmpfs_options.has_value(), "tmpfs", "TmpfsOptions"));
  return extra(wanted.image_options.has_value(), "image", "ImageOptions");
}

Result<MountPoint> FromMount(const apitypes::Mount& wanted, const std::string& field) {
  TRY(CheckExtraFields(wanted, field));
  if (wanted.type == "tmpfs") return FromTmpfs(wanted, field);
  const bool bind = wanted.type == "bind";
  const bool volume = wanted.type == "volume";
  if (!bind && !volume && wanted.type != "image") return Bad(field, InvalidConfig(wanted.type) + "mount type unknown");
  MountPoint mount =
      TRY(bind ? FromBind(wanted, field) : volume ? FromVolume(wanted, field) : FromImage(wanted, field));
  // The target is checked as that of an anonymous volume is.
  const MountPoint checked = TRY(AnonymousVolume(wanted.target));
  mount.target = checked.target;
  mount.read_only = wanted.read_only || mount.kind == MountPoint::Kind::kImage;
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
    MountPoint mount = TRY(ParseBind(host.binds[i]));
    if (create.read_only_is_flat) mount.read_only_recursive = false;
    add(std::move(mount), "HostConfig.Binds[" + std::to_string(i) + "]");
  }
  for (std::size_t i = 0; i < host.mounts.size(); ++i) {
    const std::string field = "HostConfig.Mounts[" + std::to_string(i) + "]";
    MountPoint mount = TRY(FromMount(host.mounts[i], field));
    if (create.read_only_is_flat) mount.read_only_recursive = false;
    add(std::move(mount), field);
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
