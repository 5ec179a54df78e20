// What clients of older API versions ask for: their requests as they are meant by their version.

#include "base/text.h"
#include "versions.h"

namespace estiba::api::docker {
namespace {

using apitypes::ContainerCreate;
using apitypes::Mount;

Error Bad(std::string what) { return {Code::kInvalidArgument, std::move(what)}; }

// Options of a type that the mount is not were let pass.
void ForgetOptionsOfOtherTypes(Mount& mount) {
  if (mount.type != "volume") mount.volume_options.reset();
  if (mount.type != "tmpfs") mount.tmpfs_options.reset();
}

Status AdaptMount(int minor, Mount& mount) {
  if (minor < 40 && mount.bind_options) mount.bind_options->non_recursive = false;
  if (minor < 42) {
    if (mount.bind_options) mount.bind_options->create_mountpoint = false;
    ForgetOptionsOfOtherTypes(mount);
  }
  if (minor < 44 && mount.bind_options && mount.bind_options->read_only_force_recursive)
    return Bad("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
  if (minor < 45 && mount.volume_options && !mount.volume_options->subpath.empty())
    return Bad("VolumeOptions.Subpath needs API v1.45 or newer");
  if (minor < 48 && mount.type == "image") return Bad("Mount type \"Image\" needs API v1.48 or newer");
  return Ok();
}

Status AdaptEndpoints(int minor, ContainerCreate& create) {
  if (minor < 44 && create.endpoints.size() > 1) {
    std::vector<std::string> names;
    for (const auto& [name, settings] : create.endpoints) names.push_back(name);
    return Bad("Container cannot be created with multiple network endpoints: " + Join(names, ", "));
  }
  for (auto& [name, settings] : create.endpoints) {
    // Each network had the container's address or one of its own choice.
    if (minor < 44 && create.config.mac_address.empty()) settings.mac_address.clear();
    if (minor < 48) settings.gw_priority = 0;
  }
  return Ok();
}

// The container's own hardware address is its first network's: a field since API 1.44, the only one since 1.52.
Status CheckHardwareAddress(int minor, const ContainerCreate& create, std::vector<std::string>& warnings) {
  const std::string& address = create.config.mac_address;
  if (address.empty() || minor < 44) return Ok();
  if (minor >= 52)
    return Bad("container-wide MAC address no longer supported; use endpoint-specific MAC address instead");
  const auto main = create.endpoints.find(create.host_config.network_mode);
  if (main != create.endpoints.end() && !main->second.mac_address.empty() && main->second.mac_address != address)
    return Bad("the container-wide MAC address must match the endpoint-specific MAC address for the main network, or "
               "be left empty");
  warnings.emplace_back(
      "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.");
  return Ok();
}

void WarnOfVolumeDriver(int minor, const ContainerCreate& create, std::vector<std::string>& warnings) {
  if (minor < 48 || create.host_config.volume_driver.empty()) return;
  for (const Mount& mount : create.host_config.mounts) {
    if (mount.type != "volume" || (mount.volume_options && !mount.volume_options->driver_name.empty())) continue;
    warnings.emplace_back("WARNING: the container-wide volume-driver configuration is ignored for volumes specified "
                          "via 'mount'. Use '--mount type=volume,volume-driver=...' instead");
    return;
  }
}

// A port without bindings is published at any port of the host, which clients are to say from 1.52 on.
void FillPortBindings(int minor, ContainerCreate& create, std::vector<std::string>& warnings) {
  std::vector<std::string> empty;
  for (auto& [port, bindings] : create.host_config.port_bindings) {
    if (!bindings.empty()) continue;
    bindings.emplace_back();
    empty.push_back(port);
  }
  if (minor < 52 || empty.empty()) return;
  warnings.push_back("Following container port(s) have an empty list of port-bindings: " + Join(empty, ", ") +
                     ". Such bindings will be discarded in a future version.");
}

}  // namespace

Result<std::vector<std::string>> AdaptCreate(int minor, ContainerCreate& create) {
  std::vector<std::string> warnings;
  apitypes::HostConfig& host = create.host_config;
  for (Mount& mount : host.mounts) TRY(AdaptMount(minor, mount));
  TRY(AdaptEndpoints(minor, create));
  if (minor < 40 && host.ipc_mode.empty()) host.ipc_mode = "shareable";
  if (minor < 42) host.console_size.clear();
  if (minor < 43) host.annotations.clear();
  if (minor < 44 && create.config.healthcheck) create.config.healthcheck->start_interval = 0;
  create.read_only_is_flat = minor < 44;
  if (minor >= 52) host.resources.kernel_memory_tcp = 0;
  WarnOfVolumeDriver(minor, create, warnings);
  TRY(CheckHardwareAddress(minor, create, warnings));
  FillPortBindings(minor, create, warnings);
  return warnings;
}

void AdaptUpdate(int minor, apitypes::ContainerUpdate& update) {
  if (minor < 40) update.resources.pids_limit.reset();
  if (minor >= 52) update.resources.kernel_memory_tcp = 0;
}

void AdaptNetworkCreate(int minor, apitypes::NetworkCreate& create) {
  if (minor < 48) create.enable_ipv4.reset();
}

}  // namespace estiba::api::docker
