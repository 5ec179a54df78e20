#include "record.h"

#include "codec/json_reader.h"

namespace estiba::engine {
namespace {

using codec::Json;
using codec::Reader;

constexpr const char* kPhases[] = {"created", "starting", "running", "paused", "restarting", "exited"};

Json TextMap(const std::map<std::string, std::string>& map) {
  Json json = Json::MakeObject();
  for (const auto& [key, value] : map) json.Add(key, value);
  return json;
}

Json MountToJson(const MountPoint& mount) {
  Json json = Json::MakeObject(
      {{"kind", static_cast<int>(mount.kind)}, {"source", mount.source}, {"target", mount.target}});
  json.Set("read_only", mount.read_only);
  json.Set("no_copy", mount.no_copy);
  json.Set("anonymous", mount.anonymous);
  json.Set("create_source", mount.create_source);
  json.Set("recursive", mount.recursive);
  json.Set("read_only_recursive", mount.read_only_recursive);
  if (mount.read_only_forced) json.Set("read_only_forced", true);
  json.Set("propagation", mount.propagation);
  json.Set("options", mount.options);
  json.Set("mode", mount.mode);
  json.Set("field", mount.field);
  if (!mount.subpath.empty()) json.Set("subpath", mount.subpath);
  if (!mount.id_map.empty()) json.Set("id_map", mount.id_map);
  if (!mount.labels.empty()) json.Set("labels", TextMap(mount.labels));
  if (!mount.driver_options.empty()) json.Set("driver_options", TextMap(mount.driver_options));
  if (!mount.image_id.empty()) json.Set("image_id", mount.image_id);
  if (!mount.layers.empty()) json.Set("layers", mount.layers);
  return json;
}

Json MapsToJson(const std::vector<oci::IdMapping>& maps) {
  Json list = Json::MakeArray();
  for (const oci::IdMapping& map : maps)
    list.Append(Json::MakeObject({{"inside", map.container_id}, {"outside", map.host_id}, {"count", map.size}}));
  return list;
}

std::vector<oci::IdMapping> ReadMaps(Reader& reader, const char* key) {
  std::vector<oci::IdMapping> maps;
  reader.EachObject(key, [&](Reader& item) {
    oci::IdMapping& map = maps.emplace_back();
    item.Read("inside", &map.container_id);
    item.Read("outside", &map.host_id);
    item.Read("count", &map.size);
  });
  return maps;
}

MountPoint MountFromJson(Reader& reader) {
  MountPoint mount;
  std::uint32_t kind = 0;
  reader.Read("kind", &kind);
  if (kind > static_cast<std::uint32_t>(MountPoint::Kind::kImage)) reader.Fail("kind", "unknown");
  mount.kind = static_cast<MountPoint::Kind>(kind);
  reader.Read("source", &mount.source);
  reader.Require("target", &mount.target);
  reader.Read("read_only", &mount.read_only);
  reader.Read("no_copy", &mount.no_copy);
  reader.Read("anonymous", &mount.anonymous);
  reader.Read("create_source", &mount.create_source);
  reader.Read("recursive", &mount.recursive);
  reader.Read("read_only_recursive", &mount.read_only_recursive);
  reader.Read("read_only_forced", &mount.read_only_forced);
  reader.Read("propagation", &mount.propagation);
  reader.Read("options", &mount.options);
  reader.Read("mode", &mount.mode);
  reader.Read("field", &mount.field);
  reader.Read("subpath", &mount.subpath);
  reader.Read("id_map", &mount.id_map);
  reader.Read("labels", &mount.labels);
  reader.Read("driver_options", &mount.driver_options);
  reader.Read("image_id", &mount.image_id);
  reader.Read("layers", &mount.layers);
  return mount;
}

Json PortToJson(const net::PublishedPort& port) {
  return Json::MakeObject({{"protocol", static_cast<int>(port.protocol)},
                           {"host_address", ToString(port.host_ip)},
                           {"host_port", port.host_port},
                           {"container_address", ToString(port.container_ip)},
                           {"container_port", port.container_port}});
}

// `old_key`: as earlier engines wrote it, IPv4 as a number.
Ip AddressFrom(Reader& reader, const char* key, const char* old_key) {
  std::string text;
  std::uint32_t number = 0;
  reader.Read(key, &text);
  reader.Read(old_key, &number);
  Ip address;
  for (unsigned i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  if (text.empty()) return address;
  auto parsed = ParseIp(text);
  if (!parsed.ok()) {
    reader.Fail(std::move(parsed).error());
    return address;
  }
  return *parsed;
}

net::PublishedPort PortFromJson(Reader& reader) {
  net::PublishedPort port;
  std::uint32_t protocol = 6;
  reader.Read("protocol", &protocol);
  port.protocol = protocol == 17 ? net::Protocol::kUdp : net::Protocol::kTcp;
  port.host_ip = AddressFrom(reader, "host_address", "host_ip");
  reader.Read("host_port", &port.host_port);
  port.container_ip = AddressFrom(reader, "container_address", "container_ip");
  reader.Read("container_port", &port.container_port);
  return port;
}

Json EndpointsToJson(const std::vector<Endpoint>& endpoints) {
  Json list = Json::MakeArray();
  for (const Endpoint& endpoint : endpoints) list.Append(endpoint.ToJson());
  return list;
}

void ReadEndpoints(Reader& reader, const char* key, std::vector<Endpoint>& endpoints) {
  reader.EachObject(key, [&](Reader& item) {
    auto endpoint = Endpoint::FromJson(item.value());
    if (!endpoint.ok()) return item.Fail(std::move(endpoint).error());
    endpoints.push_back(std::move(endpoint).value());
  });
}

Json PortsToJson(const std::vector<net::PublishedPort>& ports) {
  Json mappings = Json::MakeArray();
  for (const net::PublishedPort& port : ports) mappings.Append(PortToJson(port));
  return mappings;
}

Json ChangeToJson(const NetworkChange& change) {
  Json json = Json::MakeObject({{"revision", change.revision}, {"create", change.create.ToJson()}});
  json.Set("endpoints", EndpointsToJson(change.endpoints));
  json.Set("ports", PortsToJson(change.ports));
  return json;
}

Result<NetworkChange> ChangeFromJson(const Json& json) {
  NetworkChange change;
  Reader reader(json);
  reader.Read("revision", &change.revision);
  if (const Json* create = reader.Take("create"))
    change.create = TRY_CTX(apitypes::ContainerCreate::FromJson(*create), "network_change.create");
  ReadEndpoints(reader, "endpoints", change.endpoints);
  reader.EachObject("ports", [&](Reader& item) { change.ports.push_back(PortFromJson(item)); });
  TRY(reader.Finish());
  return change;
}

}  // namespace

const char* PhaseName(Phase phase) {
  return phase == Phase::kStarting ? "created" : kPhases[static_cast<std::size_t>(phase)];
}

const apitypes::EndpointSettings& ContainerRecord::SettingsIn(const std::string& network) const {
  static const apitypes::EndpointSettings kNone;
  const auto found = create.endpoints.find(network);
  return found == create.endpoints.end() ? kNone : found->second;
}

Json ContainerRecord::ToJson() const {
  Json json =
      Json::MakeObject({{"id", id}, {"name", name}, {"created", created}, {"create", create.ToJson()}});
  json.Set("entrypoint", command.entrypoint);
  json.Set("cmd", command.cmd);
  json.Set("image_id", image_id);
  json.Set("layers", layers);
  Json list = Json::MakeArray();
  for (const MountPoint& mount : mounts) list.Append(MountToJson(mount));
  json.Set("mounts", std::move(list));
  if (!ids.uids.empty()) json.Set("uid_map", MapsToJson(ids.uids));
  if (!ids.gids.empty()) json.Set("gid_map", MapsToJson(ids.gids));
  if (!linked.empty()) json.Set("linked", TextMap(linked));
  if (project != 0) json.Set("project", project);
  if (copied) json.Set("copied", true);
  json.Set("removing", removing);
  json.Set("removes_volumes", removes_volumes);
  json.Set("networks_listed", networks_listed);
  return json;
}

Result<ContainerRecord> ContainerRecord::FromJson(const Json& json) {
  ContainerRecord record;
  Reader reader(json);
  reader.Require("id", &record.id);
  reader.Require("name", &record.name);
  reader.Read("created", &record.created);
  if (const Json* create = reader.Take("create")) {
    record.create = TRY_CTX(apitypes::ContainerCreate::FromJson(*create), "create");
  }
  reader.Read("entrypoint", &record.command.entrypoint);
  reader.Read("cmd", &record.command.cmd);
  reader.Read("image_id", &record.image_id);
  reader.Read("layers", &record.layers);
  reader.EachObject("mounts", [&](Reader& mount) { record.mounts.push_back(MountFromJson(mount)); });
  record.ids.uids = ReadMaps(reader, "uid_map");
  record.ids.gids = ReadMaps(reader, "gid_map");
  reader.Read("linked", &record.linked);
  reader.Read("project", &record.project);
  reader.Read("copied", &record.copied);
  reader.Read("removing", &record.removing);
  reader.Read("removes_volumes", &record.removes_volumes);
  reader.Read("networks_listed", &record.networks_listed);
  TRY(reader.Finish());
  return record;
}

Json ContainerState::ToJson() const {
  Json json = Json::MakeObject(
      {{"phase", kPhases[static_cast<std::size_t>(phase)]}, {"pid", pid}, {"exit_code", exit_code}});
  json.Set("oom_killed", oom_killed);
  json.Set("error", error);
  if (!health.empty()) json.Set("health", health);
  json.Set("apparmor_profile", apparmor_profile);
  json.Set("cgroup_path", cgroup_path);
  json.Set("start_time", start_time);
  json.Set("started_at", started_at);
  json.Set("finished_at", finished_at);
  json.Set("restart_count", restart_count);
  json.Set("stopped_by_user", stopped_by_user);
  if (!boot.empty()) json.Set("boot", boot);
  if (paused_by_commit) json.Set("paused_by_commit", true);
  json.Set("journal_seq", journal_seq);
  json.Set("starts", starts);
  json.Set("endpoints", EndpointsToJson(endpoints));
  json.Set("last_endpoints", EndpointsToJson(last_endpoints));
  json.Set("ports", PortsToJson(ports));
  if (network_revision != 0) json.Set("network_revision", network_revision);
  if (network_change.has_value()) json.Set("network_change", ChangeToJson(*network_change));
  return json;
}

Result<ContainerState> ContainerState::FromJson(const Json& json) {
  ContainerState state;
  Reader reader(json);
  std::string phase;
  reader.Require("phase", &phase);
  for (std::size_t i = 0; i < std::size(kPhases); ++i) {
    if (phase == kPhases[i]) state.phase = static_cast<Phase>(i);
  }
  reader.Read("pid", &state.pid);
  reader.Read("exit_code", &state.exit_code);
  reader.Read("oom_killed", &state.oom_killed);
  reader.Read("error", &state.error);
  reader.Read("health", &state.health);
  reader.Read("apparmor_profile", &state.apparmor_profile);
  reader.Read("cgroup_path", &state.cgroup_path);
  reader.Read("start_time", &state.start_time);
  reader.Read("started_at", &state.started_at);
  reader.Read("finished_at", &state.finished_at);
  reader.Read("restart_count", &state.restart_count);
  reader.Read("stopped_by_user", &state.stopped_by_user);
  reader.Read("boot", &state.boot);
  reader.Read("paused_by_commit", &state.paused_by_commit);
  reader.Read("journal_seq", &state.journal_seq);
  reader.Read("starts", &state.starts);
  ReadEndpoints(reader, "endpoints", state.endpoints);
  ReadEndpoints(reader, "last_endpoints", state.last_endpoints);
  reader.EachObject("ports", [&](Reader& item) { state.ports.push_back(PortFromJson(item)); });
  reader.Read("network_revision", &state.network_revision);
  if (const Json* change = reader.Take("network_change")) state.network_change = TRY(ChangeFromJson(*change));
  TRY(reader.Finish());
  return state;
}

Json ExecRecord::ToJson() const {
  Json json = Json::MakeObject({{"id", id}, {"container_id", container_id}, {"create", create.ToJson()}});
  json.Set("started", started);
  json.Set("running", running);
  json.Set("exited", exited);
  json.Set("exit_code", exit_code);
  json.Set("pid", pid);
  json.Set("finished_at", finished_at);
  return json;
}

Result<ExecRecord> ExecRecord::FromJson(const Json& json) {
  ExecRecord record;
  Reader reader(json);
  reader.Require("id", &record.id);
  reader.Require("container_id", &record.container_id);
  if (const Json* create = reader.Take("create")) {
    record.create = TRY_CTX(apitypes::ExecCreate::FromJson(*create), "create");
  }
  reader.Read("started", &record.started);
  reader.Read("running", &record.running);
  reader.Read("exited", &record.exited);
  reader.Read("exit_code", &record.exit_code);
  reader.Read("pid", &record.pid);
  reader.Read("finished_at", &record.finished_at);
  TRY(reader.Finish());
  return record;
}

}  // namespace estiba::engine
