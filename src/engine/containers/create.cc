// POST /containers/create: check everything, allocate, record, then make what is on disk.

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../endpoint_options.h"
#include "../names.h"
#include "../network_drivers.h"
#include "../spec/health.h"
#include "../spec/network_mode.h"
#include "../warn.h"
#include "base/clock.h"
#include "base/rollback.h"
#include "cgroup/settings.h"
#include "containers.h"
#include "net/files.h"
#include "oci/image.h"
#include "os/file.h"
#include "plan/explain.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

Status CheckPlatform(const std::string& name, const std::string& platform, const oci::ImageConfig& image) {
  if (platform.empty()) return Ok();
  const oci::Platform wanted = TRY(oci::ParsePlatform(platform));
  return oci::CheckPlatform(name, image.platform, wanted);
}

void FillHostname(ContainerRecord& record) {
  apitypes::ContainerConfig& config = record.create.config;
  const HostConfig& host = record.create.host_config;
  const bool another = host.network_mode == "host" || !JoinedContainer(host.network_mode).empty();
  if (!config.hostname.empty() || host.uts_mode == "host" || another) return;
  config.hostname = ShortId(record.id);
}

// Anonymous volumes are named here, so that the record has them before they are made.
Status NameVolumes(ContainerRecord& record) {
  for (MountPoint& mount : record.mounts) {
    if (mount.kind == MountPoint::Kind::kVolume && mount.source.empty()) mount.source = TRY(MakeId());
  }
  return Ok();
}

// "Not found" (404) of a creation means the image: docker's client would pull it and ask again.
Result<std::shared_ptr<const NetworkRecord>> NetworkOf(const Networks& networks, const std::string& name) {
  auto found = networks.Get(name);
  if (!found.ok()) return Error(Code::kInvalidArgument, found.error().Message());
  return found;
}

}  // namespace

Status Containers::CheckLabels(HostConfig& host, std::vector<std::string>& warnings) {
  TRY(CheckSelinuxOptions(host, w_.host->facts.kernel.selinux, &warnings));
  // As docker: what shares that much with the host is not labelled, and inspect says so.
  const bool labelled = std::ranges::any_of(host.security_opt, [](const std::string& option) {
    return option.starts_with("label=") || option.starts_with("label:");
  });
  if (!labelled && (host.privileged || host.pid_mode == "host" || host.ipc_mode == "host"))
    host.security_opt.emplace_back("label=disable");
  const AppArmor::Use use = w_.apparmor->Look();
  const std::string profile = TRY(ChooseAppArmorProfile(host, use));
  if (use.on && profile.empty() && !host.privileged && !w_.config()->rootless)
    warnings.push_back("AppArmor does not confine the container: " + use.lacks);
  return Ok();
}

Status Containers::CheckNamespaces(const HostConfig& host) {
  for (const std::string& mode : {host.pid_mode, host.ipc_mode, host.network_mode}) {
    const std::string other = JoinedContainer(mode);
    if (!other.empty()) TRY(Get(other));
  }
  return Ok();
}

Status Containers::CheckNetworks(ContainerRecord& record, std::vector<std::string>& warnings) {
  HostConfig& host = record.create.host_config;
  auto& endpoints = record.create.endpoints;
  if (record.create.config.network_disabled) host.network_mode = "none";
  if (host.network_mode.empty() || host.network_mode == "default") host.network_mode = "bridge";
  if (!NamesNetwork(host.network_mode)) {
    if (!host.port_bindings.empty())
      warnings.emplace_back("Published ports are discarded when using host network mode");
    host.port_bindings.clear();
    host.publish_all_ports = false;
    // Clients name the mode itself as an endpoint too.
    std::erase_if(endpoints, [&](const auto& entry) { return entry.first == host.network_mode; });
    if (!endpoints.empty()) {
      return Error(Code::kInvalidArgument,
                   "conflicting options: network mode '" + host.network_mode + "' and further networks");
    }
    return ListNetworks(record);
  }
  const auto main = TRY(NetworkOf(*w_.networks, host.network_mode));
  const auto can_publish = [](const NetworkRecord& one) { return !SitsOnParent(one.driver) && !IsUnmanaged(one); };
  bool publishes = can_publish(*main);
  std::set<std::string> interfaces;
  for (const auto& [name, settings] : endpoints) {
    const auto network = TRY(NetworkOf(*w_.networks, name));
    publishes = publishes || can_publish(*network);
    if (network->pools.empty() && network->driver != kCni) {
      return Error(Code::kInvalidArgument,
                   "container cannot be connected to network " + name + " and others");
    }
    TRY(CheckEndpointSettings(*network, settings));
    const EndpointOptions options = TRY(ParseEndpointOptions(settings.driver_opts));
    if (!options.ifname.empty() && !interfaces.insert(options.ifname).second)
      return Error(Code::kInvalidArgument, "two networks with the interface name '" + options.ifname + "'");
  }
  if (!publishes && (!host.port_bindings.empty() || host.publish_all_ports))
    warnings.push_back("Published ports are discarded when using network '" + main->name + "' of driver " +
                       main->driver);
  TRY(ListNetworks(record));
  TRY(ResolveLinks(record));
  return CheckCniUse(record);
}

Status Containers::AddVolumesFrom(const apitypes::ContainerCreate& create, std::vector<MountPoint>& mounts) {
  for (const std::string& from : create.host_config.volumes_from) {
    const std::size_t colon = from.find(':');
    const std::string mode = colon == std::string::npos ? "rw" : from.substr(colon + 1);
    if (mode != "rw" && mode != "ro" && mode != "z" && mode != "Z") {
      return Error(Code::kInvalidArgument, "invalid mode for volumes-from: " + mode);
    }
    const ContainerPtr other = TRY(Get(from.substr(0, colon)));
    auto data = other->data.Lock();
    for (MountPoint mount : data->record.mounts) {
      const auto same = [&](const MountPoint& own) { return own.target == mount.target && !own.anonymous; };
      if (std::find_if(mounts.begin(), mounts.end(), same) != mounts.end()) continue;
      std::erase_if(mounts, [&](const MountPoint& own) { return own.target == mount.target; });
      mount.read_only = mount.read_only || mode == "ro";
      mount.anonymous = false;  // not this container's to remove
      mounts.push_back(std::move(mount));
    }
  }
  return SortMounts(mounts);
}

// What the plan would refuse is refused before anything is made: capabilities, seccomp profiles, devices,
// limits this host does not have.
Status Containers::CheckSpec(const ContainerRecord& record) {
  SpecContext context;
  context.limits = w_.config()->limits;
  context.swap_limit = w_.host->limits.swap_limit;
  context.capabilities = w_.host->capabilities;
  context.devices = TRY(FindDevices(record.create.host_config));
  const oci::RuntimeSpec spec = TRY(BuildSpec(record, context));
  TRY(cgroup::Settings(spec.linux_config.resources, w_.host->facts.cgroups));
  return Ok();
}

Status Containers::CheckBinds(const ContainerRecord& record) {
  for (const MountPoint& mount : record.mounts) {
    if (!mount.id_map.empty() && w_.config()->rootless) {
      return Error(Code::kFailedPrecondition, mount.field + ": idmap needs CAP_SYS_ADMIN over the file system of '" +
                                                  mount.source + "', which nobody has in a user's own engine");
    }
    if (mount.kind != MountPoint::Kind::kBind || mount.create_source) continue;
    if (::access(mount.source.c_str(), F_OK) == 0) continue;
    return Error(Code::kInvalidArgument,
                 "invalid mount config for type \"bind\": bind source path does not exist: " + mount.source);
  }
  return Ok();
}

Status Containers::MakeVolumes(const ContainerRecord& record, std::vector<std::string>& made) {
  for (const MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kVolume) continue;
    const bool known = w_.volumes->Has(mount.source);
    apitypes::VolumeCreate create;
    create.name = mount.source;
    create.labels = mount.labels;
    create.driver_opts = mount.driver_options;
    TRY(w_.volumes->Create(create, mount.anonymous));
    if (known) continue;
    made.push_back(mount.source);
    w_.events->Publish("volume", "create", mount.source, {{"driver", "local"}});
  }
  return Ok();
}

Result<Containers::Draft> Containers::MakeDraft(apitypes::ContainerCreate create,
                                                const std::string& platform) {
  Draft draft;
  TRY(ValidateCreate(create, w_.host->limits, &draft.warnings));
  if (create.config.image.empty()) {
    return Error(Code::kInvalidArgument, "no image specified");
  }
  const ImagePtr image = TRY(w_.image(create.config.image, platform));
  const oci::ImageConfig config = TRY(w_.images->Config(*image));
  TRY(CheckPlatform(create.config.image, platform, config));
  const ImageDefaults defaults = Images::Defaults(config);
  if (image->layers.empty())
    return Error(Code::kInvalidArgument, "image '" + create.config.image + "' has no layers");

  ContainerRecord& record = draft.record;
  record.id = TRY(MakeId());
  record.created = WallNow().time_since_epoch().count();
  record.command = TRY(MergeImage(create, defaults));
  TRY(CheckHealth(create, draft.warnings));
  record.create = std::move(create);
  TRY(CheckLabels(record.create.host_config, draft.warnings));
  TRY(CheckNamespaces(record.create.host_config));
  TRY(CheckNetworks(record, draft.warnings));
  TRY(CollectPorts(record.create));
  for (const std::string& entry : record.create.host_config.extra_hosts) TRY(net::ParseExtraHost(entry));
  for (const std::string& server : record.create.host_config.dns) TRY(net::CheckNameserver(server));
  TRY(ShareHostname(record));
  FillHostname(record);
  record.image_id = image->id;
  for (const image::LayerInfo& layer : image->layers) record.layers.push_back(layer.chain_id);
  record.mounts = TRY(CollectMounts(record.create));
  TRY(AddVolumesFrom(record.create, record.mounts));
  TRY(FindMountImages(record.mounts));
  TRY(CheckBinds(record));
  TRY(AllocateIds(record));
  record.copied = w_.host->copies;
  if (record.copied && !record.ids.empty())
    return Error(Code::kFailedPrecondition, "--userns: the storage driver copies layers, whose owners it does not map")
        .Hint("take --userns=host, or a data root that overlays can be mounted on (docs/storage.md)");
  TRY(AllocateProject(record));
  TRY(CheckSpec(record));
  return draft;
}

// From here on the images and their layers are in use.
Status Containers::HoldImages(const ContainerPtr& container) {
  std::vector<std::string> images;
  {
    auto data = container->data.Lock();
    images.push_back(data->record.image_id);
    for (const MountPoint& mount : data->record.mounts) {
      if (!mount.image_id.empty()) images.push_back(mount.image_id);
    }
  }
  return w_.images->WhileThere(images, [&] { registry_.Lock()->being_made.emplace(container->id, container); });
}

void Containers::TakeBack(const ContainerPtr& container, const std::vector<std::string>& volumes) {
  WarnIf(os::DeleteTree({AT_FDCWD}, Folder(container->id)), "take a container back", container->id);
  WarnIf(w_.snapshots->DeleteContainer(container->id), "take a container back", container->id);
  if (const std::uint32_t project = container->data.Lock()->record.project; project != 0)
    WarnIf(w_.snapshots->ReleaseProject(project), "take a container's size limit back", container->id);
  for (const std::string& volume : volumes) {
    const auto used = [&] { return !UsersOfVolume(volume, container->id).empty(); };
    WarnIf(w_.volumes->Delete(volume, used), "take a volume back", volume);
  }
  // The record goes last: while it is there, a start of the engine finds what is left.
  WarnIf(w_.database->Delete("containers", container->id), "take a container back", container->id);
}

// Recorded before it is made; its folder comes last and says that all is there (reconcile.cc).
Status Containers::Make(const ContainerPtr& container) {
  ContainerRecord record;
  {
    auto data = container->data.Lock();
    record = data->record;
  }
  std::vector<std::string> volumes;
  Rollback rollback;
  rollback.Add([&] { TakeBack(container, volumes); });
  TRY(SaveRecord(container));
  TRY(MakeVolumes(record, volumes));
  store::SizeLimit limit{.project = record.project};
  limit.bytes = TRY(SizeLimit(record.create.host_config));
  TRY(w_.snapshots->EnsureContainer(record.id, record.layers.back(), limit));
  if (record.copied) TRY(w_.snapshots->FillContainer(record.id, record.layers, limit));
  TRY(os::EnsureDirectory(Folder(record.id), 0710));
  rollback.Commit();
  return Ok();
}

Result<apitypes::ContainerCreateResponse> Containers::Create(const std::string& name,
                                                             const std::string& platform,
                                                             apitypes::ContainerCreate create) {
  std::unique_lock<std::mutex> creating;
  const bool maps = TRY(WantsUserNamespace(create.host_config));
  const bool needs_ids = maps || !create.host_config.storage_opt.empty();
  if (needs_ids) creating = std::unique_lock(creation_);
  Draft draft = TRY(MakeDraft(std::move(create), platform));
  TRY(NameVolumes(draft.record));
  auto container = std::make_shared<Container>(draft.record.id);
  draft.record.name = TRY(ReserveName(name, container->id));
  Rollback rollback;
  rollback.Add([&, taken = draft.record.name] { ReleaseName(taken, container->id); });
  {
    auto data = container->data.Lock();
    data->record = std::move(draft.record);
    const auto& size = data->record.create.host_config.console_size;
    if (size.size() == 2) {
      data->rows = static_cast<std::uint16_t>(size[0]);
      data->columns = static_cast<std::uint16_t>(size[1]);
    }
  }
  rollback.Add([&] { registry_.Lock()->being_made.erase(container->id); });
  TRY(HoldImages(container));
  if (needs_ids) creating.unlock();
  TRY(Make(container));
  {
    auto registry = registry_.Lock();
    registry->by_id[container->id] = container;
    registry->being_made.erase(container->id);
  }
  rollback.Commit();
  Publish(container, "create");
  return apitypes::ContainerCreateResponse{container->id, std::move(draft.warnings)};
}

Result<std::string> Containers::ExplainCreate(const std::string& name, apitypes::ContainerCreate create,
                                              ExplainFormat format) {
  Draft draft = TRY(MakeDraft(std::move(create), ""));
  draft.record.name = name.empty() ? ShortId(draft.record.id) : name;
  for (MountPoint& mount : draft.record.mounts) {
    if (mount.kind == MountPoint::Kind::kVolume && mount.source.empty()) mount.source = "NEW";
  }
  // Addresses and ports are real ones, given back at once.
  const SpecContext context = TRY(ContextOf(draft.record));
  Launch launch;
  TRY(Allocate(draft.record, {}, launch));
  auto plan = MakePlan(draft.record, context, launch.endpoints, launch.ports.ports);
  Release(launch.endpoints, /*used=*/false);
  if (!plan.ok()) return std::move(plan).error();
  if (format == ExplainFormat::kJson) return plan::ExplainJson(plan.value());
  if (format == ExplainFormat::kShell) return plan::ExplainShell(plan.value());
  return plan::ExplainText(plan.value());
}

}  // namespace estiba::engine
