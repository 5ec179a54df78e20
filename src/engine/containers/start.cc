// POST /containers/{id}/start: allocate, build the plan, hand it to a monitor.

#include <algorithm>

#include <fcntl.h>

#include "../config_reader.h"
#include "../network_drivers.h"
#include "../spec/health.h"
#include "../spec/log_driver.h"
#include "../spec/network_mode.h"
#include "../user_network.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/rollback.h"
#include "containers.h"
#include "os/file.h"
#include "plan/explain.h"
#include "plan/wire.h"
#include "restart.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;
using apitypes::HostConfig;

// Hooks, slow disks and a host out of memory included.
constexpr auto kStartPatience = 120s;

}  // namespace

Result<SpecContext> Containers::ContextOf(const ContainerRecord& record) {
  const auto config = w_.config();
  const HostConfig& host = record.create.host_config;
  SpecContext context;
  context.names_dir = TRY(NameFilesFolder(record));
  context.volumes_root = w_.volumes->root();
  context.init_program = w_.init_program;
  context.host_name = w_.host->name;
  context.cgroup_path = CgroupPath(record);
  context.limits = config->limits;
  context.swap_limit = w_.host->limits.swap_limit;
  context.recursive_read_only = w_.host->facts.kernel.mount_setattr;
  context.capabilities = w_.host->capabilities;
  context.apparmor_profile = TRY(ChooseAppArmorProfile(host, w_.apparmor->Look()));
  context.seccomp = seccomp_;
  context.devices = TRY(FindDevices(host));
  TRY(AddVolumeDevices(record, context));
  for (const LinkedContainer& link : LinksOf(record))
    for (std::string& variable : LinkEnvironment(record.name, link)) context.link_env.push_back(std::move(variable));
  for (const auto& [key, mode] :
       {std::pair("pid", host.pid_mode), {"ipc", host.ipc_mode}, {"network", host.network_mode}}) {
    if (!JoinedContainer(mode).empty()) context.joined[key] = TRY(JoinedPid(key, mode));
  }
  return context;
}

Result<plan::Storage> Containers::PlanStorage(const ContainerRecord& record) {
  plan::Storage storage;
  if (record.copied) {
    storage.kind = plan::Storage::Kind::kBundle;
    storage.rootfs = w_.snapshots->PathsOf(record.id).upper;
    return storage;
  }
  storage.kind = plan::Storage::Kind::kOverlay;
  storage.lowers = TRY(LayerPaths(record.layers));
  const store::Snapshots::ContainerPaths paths = w_.snapshots->PathsOf(record.id);
  storage.limited = record.project != 0;
  storage.transient = record.create.host_config.auto_remove;
  if (!record.ids.empty()) {
    storage.layers_root = w_.snapshots->LayersPath();
    storage.upper_root = paths.home;
  }
  storage.upper = paths.upper;
  storage.work = paths.work;
  return storage;
}

Result<plan::Network> Containers::PlanNetwork(const ContainerRecord& record,
                                              const std::vector<Endpoint>& endpoints,
                                              const std::vector<net::PublishedPort>& ports) {
  const std::string& mode = record.create.host_config.network_mode;
  plan::Network network;
  if (IsJoined(mode)) return network;
  network.mode = endpoints.empty() ? plan::Network::Mode::kNone : plan::Network::Mode::kBridge;
  if (mode == "host") network.mode = plan::Network::Mode::kHost;
  const auto config = w_.config();
  if (!endpoints.empty() && config->rootless) {
    const bool outward = !std::ranges::all_of(endpoints, &Endpoint::internal);
    network.of_user = TRY(PlanUserNetwork(*config, w_.uplink_program, outward));
  } else if (!endpoints.empty()) {
    network.host_folder = HostFolder();
    network.default_bridge = config->bridge;
    network.relay = {UserNetworkFolder(*config), w_.uplink_program};
  }
  for (const bool v6 : {false, true}) {
    const auto outward = [&](const Endpoint& one) {
      return !one.internal && one.HasHost() && one.Address(v6).has_value();
    };
    if (std::ranges::any_of(endpoints, outward)) network.forwarding.push_back(v6 ? 6 : 4);
  }
  if (IsOnCni(endpoints)) {
    network.cni = TRY(PlanCni(record, endpoints, ports));  // all of them are, or none
  } else {
    for (const Endpoint& endpoint : endpoints)
      network.endpoints.push_back(TRY(PlanEndpoint(record, endpoints, endpoint, ports)));
  }
  if (HasNames(endpoints)) {
    network.names_file = NamesFolder() + "/" + record.id;
    const dns::Endpoint names = TRY(NamesOf(record, endpoints));
    network.names = dns::Encode(names);
    if (network.names.size() > dns::kMaxEndpoint)
      return Error(Code::kInvalidArgument, "container '" + record.name + "' has too many names");
  }
  return network;
}

Result<plan::Plan> Containers::MakePlan(const ContainerRecord& record, const SpecContext& context,
                                        const std::vector<Endpoint>& endpoints,
                                        const std::vector<net::PublishedPort>& ports) {
  plan::ContainerInput input;
  input.id = record.id;
  input.name = record.name;
  input.spec = TRY(BuildSpec(record, context));
  if (const auto seccomp = TRY(SeccompOf(record, context))) input.seccomp = seccomp->compiled;
  input.storage = TRY(PlanStorage(record));
  input.network = TRY(PlanNetwork(record, endpoints, ports));
  input.cgroup_path = context.cgroup_path;
  input.known_namespaces = TRY(KnownNamespaces(record, context));
  for (const MountPoint& mount : record.mounts) {
    if (mount.create_source) input.made_when_missing.push_back(mount.target);
  }
  input.sources = TRY(PlanSources(record, context));
  PlanCopyUps(record, context, input);
  return plan::BuildContainer(input, w_.host->facts);
}

Status Containers::Allocate(const ContainerRecord& record, const std::vector<Endpoint>& last, Launch& launch) {
  const HostConfig& host = record.create.host_config;
  Rollback rollback;
  rollback.Add([&] {
    Release(launch.endpoints, /*used=*/false);
    launch.endpoints.clear();
  });
  // The one that it was made with has the first interface.
  const auto main = w_.networks->Get(host.network_mode);
  std::vector<std::pair<std::shared_ptr<const NetworkRecord>, apitypes::EndpointSettings>> wanted;
  for (const auto& [name, settings] : record.create.endpoints) {
    auto network = TRY(w_.networks->Get(name));
    if (network->driver == "host" || network->driver == "null") continue;
    const bool first = main.ok() && network->id == (*main)->id;
    wanted.emplace(first ? wanted.begin() : wanted.end(), std::move(network), settings);
  }
  for (const auto& [network, settings] : wanted) {
    const auto before = std::ranges::find(last, network->id, &Endpoint::network_id);
    const std::vector<IpPrefix> had = before != last.end() ? before->addresses : std::vector<IpPrefix>();
    launch.endpoints.push_back(TRY(JoinNetwork(record, *network, settings, had, launch.endpoints)));
  }
  const std::vector<net::PublishRequest> ports = TRY(CollectPorts(record.create));
  if (const auto carrier = Carrier(record, launch.endpoints)) {
    auto published = w_.networks->Publish(ports, *carrier);
    if (!published.ok()) {
      return std::move(published).error().Context(
          "driver failed programming external connectivity on endpoint " + record.name);
    }
    launch.ports = std::move(published).value();
  }
  rollback.Commit();
  return Ok();
}

void Containers::Release(const std::vector<Endpoint>& endpoints, bool used) {
  for (const Endpoint& endpoint : endpoints) w_.networks->Release(endpoint, used);
}

monitorapi::Launch Containers::LaunchMessage(const ContainerRecord& record,
                                             const Container::Data& data) const {
  const auto config = w_.config();
  const HostConfig& host = record.create.host_config;
  monitorapi::Launch launch;
  launch.id = record.id;
  launch.name = record.name;
  launch.log.max_size = static_cast<std::uint64_t>(config->container_log_max_size);
  launch.log.max_files = static_cast<std::uint32_t>(config->container_log_max_files);
  SetLogFiles(host.log_config, launch.log);
  launch.restart = MonitorPolicy(host.restart_policy);
  launch.tty = record.create.config.tty;
  launch.open_stdin = record.create.config.open_stdin;
  launch.stdin_once = record.create.config.stdin_once;
  launch.rows = data.rows;
  launch.columns = data.columns;
  launch.health = HealthCheckOf(record.create);
  if (const auto signal = StopSignal(record, {}); signal.ok()) launch.health.stop_signal = *signal;
  launch.health.stop_timeout_ms = StopTimeoutMs(record, {});
  launch.names_folder = NamesFolder();
  launch.names_program = w_.netd_program;
  return launch;
}

Status Containers::SendLaunch(const ContainerPtr& container, PortSet& ports, const monitorapi::LogOutlet& outlet,
                              std::uint64_t restart_count, std::chrono::milliseconds patience) {
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(container->id), O_RDONLY | O_DIRECTORY));
  TRY(os::EnsureDirectory(RunFolder(container->id), 0700));
  const os::UniqueFd run_folder =
      TRY(os::OpenAt({AT_FDCWD}, RunFolder(container->id), O_RDONLY | O_DIRECTORY));
  const monitorapi::Program* monitor = TRY(w_.monitor());
  monitorapi::Spawned spawned = TRY(monitorapi::Spawn(*monitor, container->id, w_.log_fd));
  std::shared_ptr<MonitorLink> link;
  monitorapi::Launch launch;
  std::vector<int> fds = {folder.get(), run_folder.get()};
  for (const os::UniqueFd& socket : ports.sockets) fds.push_back(socket.get());
  std::vector<Parked> parked;
  {
    auto data = container->data.Lock();
    launch = LaunchMessage(data->record, *data);
    parked.swap(data->parked);
    // Under the lock: should the monitor be killed at once, its end is heard of after this.
    link = MonitorLink::Create(w_.loop, std::move(spawned.client), spawned.process.Detach(), HandlersFor(container));
    data->link = link;
    data->told = false;
  }
  launch.log.outlet = outlet;
  launch.port_sockets = static_cast<std::uint32_t>(ports.sockets.size());
  launch.restart_count = static_cast<std::uint32_t>(restart_count);
  for (const Parked& connection : parked) {
    launch.attaches.push_back(connection.options);
    fds.push_back(connection.fd.get());
  }
  // Told on the event thread, where its end is, too: in their order, however short the run is.
  TRY(link->Call(launch, fds, patience, [this, container] { TellStart(container); }));
  return Ok();
}

Status Containers::CheckLayersSettled(const ContainerRecord& record) {
  auto held = held_layers_.Lock();
  for (const std::string& layer : record.layers) {
    if (held->contains(layer))
      return Error(Code::kUnavailable, "layer '" + layer + "' of its image is being repaired").Hint("try again soon");
  }
  return Ok();
}

Status Containers::StartLocked(const ContainerPtr& container, std::uint64_t restart_count) {
  ContainerRecord record;
  {
    auto data = container->data.Lock();
    record = data->record;
  }
  if (!WaitGone(container, 20s)) {
    return Error(Code::kUnavailable,
                 "the last run of container '" + record.name + "' is still being cleared");
  }
  TRY(EnsureCleared(container));
  TRY(AwaitCopies(container));
  if (record.create.endpoints.empty() && !IsJoined(record.create.host_config.network_mode)) {
    // As docker: one that was taken out of every network is in its first one again.
    TRY(ListNetworks(record));
    container->data.Lock()->record.create.endpoints = record.create.endpoints;
    TRY(SaveRecord(container));
  }
  TRY(CheckLinks(record));
  const std::vector<Endpoint> last = container->data.Lock()->state.last_endpoints;
  const monitorapi::LogOutlet outlet = TRY(OutletOf(record));
  Launch launch;
  TRY(Allocate(record, last, launch));
  Rollback rollback;
  rollback.Add([&] {
    Release(launch.endpoints);
    {
      auto data = container->data.Lock();
      data->state.endpoints.clear();
      data->state.ports.clear();
      if (data->state.phase == Phase::kStarting) {
        data->state.phase = data->state.started_at == 0 ? Phase::kCreated : Phase::kExited;
      }
    }
    SaveStateOrLog(container);
  });
  container->data.Lock()->state.endpoints = launch.endpoints;
  TRY(WriteNameFiles(record, launch.endpoints));
  SpecContext context = TRY(ContextOf(record));
  // Now: the monitor that runs the plan, perhaps many times, loads nothing.
  TRY(w_.apparmor->Ensure(context.apparmor_profile));
  plan::Plan plan = TRY(MakePlan(record, context, launch.endpoints, launch.ports.ports));
  context.cgroup_path = plan.cgroup_path;  // empty where there is none to enter
  plan.revision = container->data.Lock()->state.network_revision;
  for (const std::string& warning : plan.warnings) log::Warn(warning, {{"container", record.name}});
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(record.id), O_RDONLY | O_DIRECTORY));
  TRY(os::ReplaceFile({folder.get()}, "plan", plan::Encode(plan), 0600));
  TRY(WriteHealthPlan(record, context, {folder.get()}));
  {
    auto data = container->data.Lock();
    data->state.phase = Phase::kStarting;
    data->state.ports = launch.ports.ports;
    data->state.stopped_by_user = false;
    data->state.boot = w_.host->boot_id;
    data->state.oom_killed = false;
    data->state.error.clear();
    data->state.apparmor_profile = context.apparmor_profile;
    data->state.cgroup_path = context.cgroup_path;
    data->state.restart_count = restart_count;
    ++data->state.starts;
  }
  TRY(CheckLayersSettled(record));
  TRY(SaveState(container));
  Status sent = SendLaunch(container, launch.ports, outlet, restart_count, kStartPatience + CniPatience(plan));
  if (!sent.ok()) {
    // If a monitor was reached, Conclude() gives back what was allocated when it has ended.
    bool linked = false;
    {
      auto data = container->data.Lock();
      linked = data->link != nullptr;
      data->state.error = sent.error().Message();
    }
    if (linked) rollback.Commit();
    return sent;
  }
  rollback.Commit();
  SaveStateOrLog(container);
  TellLinked(container);
  return Ok();
}

Status Containers::Start(const std::string& id, const std::string& detach_keys) {
  const ContainerPtr container = TRY(Get(id));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  bool auto_remove = false;
  {
    auto data = container->data.Lock();
    const std::string& name = data->record.name;
    if (data->record.removing) {
      return Error(Code::kConflict, "container is marked for removal and cannot be started");
    }
    // One whose monitor has died is not known to have ended until it is cleared, which the start waits for.
    const bool lives = !data->concluding;
    if (lives && data->state.phase == Phase::kPaused) {
      return Error(Code::kConflict, "cannot start a paused container, try unpause instead");
    }
    if (lives && (data->state.Running() || data->state.phase == Phase::kStarting)) {
      return Error(Code::kNotModified, "container " + name + " is already running");
    }
    auto_remove = data->record.create.host_config.auto_remove;
    for (Parked& parked : data->parked) {
      if (!detach_keys.empty()) parked.options.detach_keys = detach_keys;
    }
  }
  Status started = StartLocked(container, 0);
  if (started.ok()) return started;
  // As docker: what could not run and was to be removed afterwards is removed now.
  if (auto_remove) RemoveWhenGone(container);
  return started;
}

Result<std::string> Containers::Explain(const std::string& id, ExplainFormat format) {
  const ContainerPtr container = TRY(Get(id));
  ContainerRecord record;
  {
    auto data = container->data.Lock();
    record = data->record;
  }
  std::optional<plan::Plan> plan;
  if (auto bytes = os::ReadFile(Folder(container->id) + "/plan", plan::kMaxEncodedPlan); bytes.ok()) {
    plan = TRY(plan::Decode(bytes.value()));
  } else {
    const SpecContext context = TRY(ContextOf(record));
    Launch launch;
    TRY(Allocate(record, {}, launch));
    auto made = MakePlan(record, context, launch.endpoints, launch.ports.ports);
    Release(launch.endpoints, /*used=*/false);
    if (!made.ok()) return std::move(made).error();
    plan = std::move(made).value();
  }
  if (format == ExplainFormat::kJson) return plan::ExplainJson(*plan);
  if (format == ExplainFormat::kShell) return plan::ExplainShell(*plan);
  return plan::ExplainText(*plan);
}

}  // namespace estiba::engine
