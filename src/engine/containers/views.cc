// Containers as the API shows them.

#include <algorithm>

#include "../graph_driver.h"
#include "../spec/health.h"
#include "../status_text.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "containers.h"

namespace estiba::engine {
namespace {

constexpr const char* kNever = "0001-01-01T00:00:00Z";
constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t Now() { return WallNow().time_since_epoch().count(); }

std::string Time(std::int64_t ns) {
  return ns == 0 ? kNever : FormatRfc3339(WallTime(std::chrono::nanoseconds(ns)));
}

std::string StateName(const ContainerRecord& record, const ContainerState& state) {
  return record.removing ? "removing" : PhaseName(state.phase);
}

std::string CommandText(const ContainerRecord& record) { return Join(record.command.Argv(), " "); }

std::string HostIp(const net::PublishedPort& port) { return ToString(port.host_ip); }

void ShowAddresses(const Endpoint& endpoint, apitypes::EndpointSettings& view) {
  if (const auto gateway = endpoint.Gateway(false)) view.gateway = ToString(*gateway);
  if (const auto gateway = endpoint.Gateway(true)) view.ipv6_gateway = ToString(*gateway);
  if (const auto four = endpoint.Address(false)) {
    view.ip_address = ToString(four->address);
    view.ip_prefix_len = four->length;
  }
  if (const auto six = endpoint.Address(true)) {
    view.global_ipv6_address = ToString(six->address);
    view.global_ipv6_prefix_len = six->length;
  }
}

// Without those that are opened beside one of the host's.
std::vector<net::PublishedPort> Shown(const std::vector<net::PublishedPort>& ports) {
  std::vector<net::PublishedPort> shown;
  for (const net::PublishedPort& port : ports) {
    const auto covers = [&](const net::PublishedPort& other) {
      return !other.IsOpened() && other.container_ip == port.container_ip && other.protocol == port.protocol &&
             other.container_port == port.container_port;
    };
    if (!port.IsOpened() || std::none_of(ports.begin(), ports.end(), covers)) shown.push_back(port);
  }
  return shown;
}

std::string PortName(const net::PublishedPort& port) {
  return net::ToString(net::ContainerPort{port.container_port, port.protocol});
}

std::vector<apitypes::Port> Ports(const ContainerRecord& record, const ContainerState& state) {
  std::vector<apitypes::Port> ports;
  for (const net::PublishedPort& port : Shown(state.ports)) {
    if (port.IsOpened()) continue;  // as one that is exposed
    ports.push_back(
        {HostIp(port), port.container_port, port.host_port, std::string(net::ToString(port.protocol))});
  }
  if (!state.Running()) return ports;
  for (const std::string& text : record.create.config.exposed_ports) {
    const auto exposed = net::ParseExpose(text);
    if (!exposed.ok()) continue;
    for (const net::ContainerPort& port : exposed.value()) {
      const auto same = [&](const apitypes::Port& other) {
        return other.private_port == port.port && other.type == net::ToString(port.protocol);
      };
      if (std::none_of(ports.begin(), ports.end(), same)) {
        ports.push_back({"", port.port, 0, std::string(net::ToString(port.protocol))});
      }
    }
  }
  return ports;
}

bool ExitCodeMatches(const apitypes::Filters& filters, const ContainerState& state) {
  if (!filters.Has("exited")) return true;
  return state.phase == Phase::kExited && filters.Exact("exited", std::to_string(state.exit_code));
}

bool PartMatches(const apitypes::Filters& filters, const char* key, const std::string& text) {
  if (!filters.Has(key)) return true;
  for (const std::string& part : filters.Get(key)) {
    // "^web$" and "/web" as docker's patterns are mostly written; a plain word matches anywhere.
    std::string_view wanted = part;
    const bool start = wanted.starts_with("^");
    const bool end = wanted.ends_with("$");
    if (start) wanted.remove_prefix(1);
    if (end) wanted.remove_suffix(1);
    if (wanted.starts_with("/")) wanted.remove_prefix(1);
    if (start && end ? text == wanted
        : start      ? text.starts_with(wanted)
        : end        ? text.ends_with(wanted)
                     : text.find(wanted) != std::string::npos) {
      return true;
    }
  }
  return false;
}

bool PortMatches(const std::set<std::string>& wanted, const std::vector<apitypes::Port>& ports,
                 bool published) {
  if (wanted.empty()) return true;
  for (const std::string& text : wanted) {
    const auto exposed = net::ParseExpose(text);
    if (!exposed.ok()) continue;
    for (const net::ContainerPort& port : exposed.value()) {
      for (const apitypes::Port& have : ports) {
        if (have.private_port != port.port || have.type != net::ToString(port.protocol)) continue;
        if (!published || have.public_port != 0) return true;
      }
    }
  }
  return false;
}

}  // namespace

apitypes::MountPoint Containers::MountView(const MountPoint& mount) const {
  apitypes::MountPoint view;
  view.destination = mount.target;
  view.rw = !mount.read_only;
  view.mode = mount.mode;
  switch (mount.kind) {
    case MountPoint::Kind::kBind:
      view.type = "bind";
      view.source = mount.source;
      view.propagation = mount.propagation.empty() ? "rprivate" : mount.propagation;
      break;
    case MountPoint::Kind::kVolume:
      view.type = "volume";
      view.name = mount.source;
      view.source = w_.volumes->Mountpoint(mount.source);
      view.driver = "local";
      break;
    case MountPoint::Kind::kTmpfs: view.type = "tmpfs"; break;
    case MountPoint::Kind::kImage:
      view.type = "image";
      view.source = mount.source;
      break;
  }
  return view;
}

apitypes::NetworkSettings Containers::Settings(const ContainerRecord& record, const ContainerState& state) {
  apitypes::NetworkSettings settings;
  for (const net::PublishedPort& port : Shown(state.ports)) {
    settings.ports[PortName(port)].push_back(
        {HostIp(port), port.IsOpened() ? std::string() : std::to_string(port.host_port)});
  }
  if (state.Running()) {
    for (const std::string& text : record.create.config.exposed_ports) {
      const auto exposed = net::ParseExpose(text);
      if (!exposed.ok()) continue;
      for (const net::ContainerPort& port : exposed.value()) settings.ports.try_emplace(net::ToString(port));
    }
  }
  for (const auto& [name, wanted] : record.create.endpoints) {
    const auto network = w_.networks->Get(name);
    if (!network.ok()) continue;
    apitypes::EndpointSettings& endpoint = settings.networks[(*network)->name];
    endpoint.ipam_config = wanted.ipam_config;
    endpoint.aliases = wanted.aliases;
    endpoint.links = wanted.links;
    endpoint.driver_opts = wanted.driver_opts;
    endpoint.gw_priority = wanted.gw_priority;
    endpoint.network_id = (*network)->id;
  }
  for (const Endpoint& endpoint : state.endpoints) {
    const auto network = w_.networks->Get(endpoint.network_id);
    if (!network.ok()) continue;
    apitypes::EndpointSettings& view = settings.networks[network.value()->name];
    view.network_id = endpoint.network_id;
    view.endpoint_id = endpoint.id;
    view.mac_address = net::ToString(endpoint.mac);
    ShowAddresses(endpoint, view);
    if (network.value()->name != "bridge") {
      view.dns_names = NamesIn(record, *network.value());
      continue;
    }
    settings.endpoint_id = endpoint.id;
    settings.gateway = view.gateway;
    settings.ip_address = view.ip_address;
    settings.ip_prefix_len = view.ip_prefix_len;
    settings.ipv6_gateway = view.ipv6_gateway;
    settings.global_ipv6_address = view.global_ipv6_address;
    settings.global_ipv6_prefix_len = view.global_ipv6_prefix_len;
    settings.mac_address = view.mac_address;
  }
  return settings;
}

apitypes::ContainerSummary Containers::Summary(const ContainerRecord& record, const ContainerState& state) {
  apitypes::ContainerSummary summary;
  summary.id = record.id;
  summary.names = {"/" + record.name};
  summary.image = record.create.config.image;
  summary.image_id = record.image_id;
  summary.command = CommandText(record);
  summary.created = record.created / kSecond;
  summary.ports = Ports(record, state);
  summary.labels = record.create.config.labels;
  summary.state = StateName(record, state);
  summary.status = StatusText(state, record.removing, Now());
  summary.health.status = "none";
  if (const auto health = HealthView(record.id, state)) summary.health = {health->status, health->failing_streak};
  summary.network_mode = record.create.host_config.network_mode;
  summary.annotations = record.create.host_config.annotations;
  summary.networks = Settings(record, state).networks;
  for (const MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kTmpfs) summary.mounts.push_back(MountView(mount));
  }
  return summary;
}

Result<bool> Containers::Passes(const ContainerRecord& record, const ContainerState& state,
                                const ListRequest& request) {
  const apitypes::Filters& filters = request.filters;
  const std::string name = StateName(record, state);
  const bool asks_for_all = request.all || request.limit > 0 || filters.Has("status") ||
                            filters.Has("exited") || filters.Has("before") || filters.Has("since");
  if (!asks_for_all && !state.Running()) return false;
  if (!filters.Exact("status", name) || !ExitCodeMatches(filters, state)) return false;
  if (!filters.Labels("label", record.create.config.labels)) return false;
  if (!PartMatches(filters, "name", record.name)) return false;
  if (filters.Has("id")) {
    const auto& ids = filters.Get("id");
    if (std::none_of(ids.begin(), ids.end(), [&](const auto& id) { return record.id.starts_with(id); }))
      return false;
  }
  const std::vector<apitypes::Port> ports = Ports(record, state);
  if (!PortMatches(filters.Get("publish"), ports, true) || !PortMatches(filters.Get("expose"), ports, false))
    return false;
  if (filters.Has("network")) {
    const auto networks = Settings(record, state).networks;
    const auto wanted = [&](const auto& entry) {
      return filters.Exact("network", entry.first) || filters.Exact("network", entry.second.network_id);
    };
    if (std::none_of(networks.begin(), networks.end(), wanted)) return false;
  }
  if (filters.Has("volume")) {
    const auto wanted = [&](const MountPoint& mount) {
      return filters.Exact("volume", mount.source) || filters.Exact("volume", mount.target);
    };
    if (std::none_of(record.mounts.begin(), record.mounts.end(), wanted)) return false;
  }
  for (const std::string& image : filters.Get("ancestor")) {
    const auto found = w_.images->Get(image);
    if (!found.ok() || found.value()->id != record.image_id) return false;
  }
  if (!filters.Exact("health", state.health.empty() ? "none" : state.health)) return false;
  if (filters.Has("is-task") && TRY(filters.Flag("is-task", false))) return false;
  for (const auto& [key, before] : {std::pair("before", true), {"since", false}}) {
    for (const std::string& other : filters.Get(key)) {
      const ContainerPtr found = TRY(Get(other));
      const std::int64_t created = found->data.Lock()->record.created;
      if (before ? record.created >= created : record.created <= created) return false;
    }
  }
  return true;
}

Result<std::vector<apitypes::ContainerSummary>> Containers::List(const ListRequest& request) {
  TRY(request.filters.Allow({"ancestor", "before", "exited", "expose", "health", "id", "is-task", "label",
                             "name", "network", "publish", "since", "status", "volume"}));
  for (const std::string& health : request.filters.Get("health")) TRY(CheckHealthFilter(health));
  struct Row {
    ContainerRecord record;
    ContainerState state;
  };
  std::vector<Row> rows;
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    rows.push_back({data->record, data->state});
  }
  for (Row& row : rows) FillCni(row.record.id, row.state);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.record.created > b.record.created; });
  std::vector<apitypes::ContainerSummary> list;
  for (const Row& row : rows) {
    if (request.limit > 0 && list.size() >= static_cast<std::size_t>(request.limit)) break;
    const bool passes = TRY(Passes(row.record, row.state, request));
    if (!passes) continue;
    apitypes::ContainerSummary summary = Summary(row.record, row.state);
    if (request.size) {
      const auto size = w_.snapshots->ContainerSize(row.record.id);
      const auto image = w_.images->Get(row.record.image_id);
      summary.size_rw = size.ok() ? static_cast<std::int64_t>(size.value()) : 0;
      summary.size_root_fs =
          *summary.size_rw + (image.ok() ? static_cast<std::int64_t>(image.value()->size) : 0);
    }
    list.push_back(std::move(summary));
  }
  return list;
}

Result<apitypes::ContainerInspect> Containers::Inspect(const std::string& id, bool size) {
  const ContainerPtr container = TRY(Get(id));
  ContainerRecord record;
  ContainerState state;
  {
    auto data = container->data.Lock();
    record = data->record;
    state = data->state;
  }
  FillCni(record.id, state);
  apitypes::ContainerInspect view;
  view.id = record.id;
  view.created = Time(record.created);
  const std::vector<std::string> argv = record.command.Argv();
  view.path = argv.front();
  view.args = {argv.begin() + 1, argv.end()};
  view.state.status = StateName(record, state);
  view.state.running = state.Running();
  view.state.paused = state.phase == Phase::kPaused;
  view.state.restarting = state.phase == Phase::kRestarting;
  view.state.oom_killed = state.oom_killed;
  view.state.pid = state.pid;
  view.state.exit_code = state.exit_code;
  view.state.error = state.error;
  view.state.started_at = Time(state.started_at);
  view.state.finished_at = Time(state.finished_at);
  view.state.health = HealthView(record.id, state);
  view.image = record.image_id;
  if (const auto names = NameFilesFolder(record); names.ok()) {
    view.resolv_conf_path = names.value() + "/resolv.conf";
    view.hostname_path = names.value() + "/hostname";
    view.hosts_path = names.value() + "/hosts";
  }
  const std::string& log = record.create.host_config.log_config.type;
  if (log.empty() || log == "json-file" || log == "local") view.log_path = Folder(record.id) + "/log";
  view.name = "/" + record.name;
  view.restart_count = static_cast<std::int64_t>(state.restart_count);
  view.app_armor_profile = state.apparmor_profile;
  if (state.starts == 0) {
    auto profile = ChooseAppArmorProfile(record.create.host_config, w_.apparmor->Look());
    if (profile.ok()) view.app_armor_profile = std::move(profile).value();
  }
  view.host_config = record.create.host_config;
  if (!record.linked.empty()) view.host_config.links = LinkWords(record);
  view.config = record.create.config;
  // As docker shows it to clients that know of one address alone.
  if (view.config.mac_address.empty())
    view.config.mac_address = record.SettingsIn(record.create.host_config.network_mode).mac_address;
  if (const auto image = w_.images->Get(record.image_id); image.ok())
    view.image_manifest = w_.images->Describe(**image);
  const store::Snapshots::ContainerPaths paths = w_.snapshots->PathsOf(record.id);
  view.graph_driver = DescribeLayers(*w_.snapshots, record.layers);
  if (record.copied) {
    view.graph_driver = {.data = {{"dir", paths.upper}}, .name = "vfs"};
  } else {
    view.graph_driver.data["UpperDir"] = paths.upper;
    view.graph_driver.data["WorkDir"] = paths.work;
  }
  view.driver = view.graph_driver.name;
  for (const MountPoint& mount : record.mounts) {
    if (mount.kind != MountPoint::Kind::kTmpfs) view.mounts.push_back(MountView(mount));
  }
  view.network_settings = Settings(record, state);
  {
    auto execs = execs_.Lock();
    for (const auto& [exec_id, exec] : *execs) {
      if (exec.container_id == record.id && !exec.exited) view.exec_ids.push_back(exec_id);
    }
  }
  if (size) {
    const std::uint64_t written = TRY(w_.snapshots->ContainerSize(record.id));
    const auto image = w_.images->Get(record.image_id);
    view.size_rw = static_cast<std::int64_t>(written);
    view.size_root_fs = *view.size_rw + (image.ok() ? static_cast<std::int64_t>(image.value()->size) : 0);
  }
  return view;
}

}  // namespace estiba::engine
