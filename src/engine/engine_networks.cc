// Networks, and who uses them.

#include "base/text.h"
#include "bridge_options.h"
#include "engine_impl.h"
#include "network_drivers.h"
#include "user_network.h"

namespace estiba::engine {
namespace {

Status RefuseNetwork(bool present, const char* field) {
  if (!present) return Ok();
  return Error(Code::kInvalidArgument, std::string(field) + " is not supported by this engine");
}

// "-d routed": bridge as it is where nothing is translated.
void MakeRouted(NetworkRecord& record) {
  record.driver = "bridge";
  for (const char* family : {"ipv4", "ipv6"})
    record.options.emplace(std::string("com.docker.network.bridge.gateway_mode_") + family, "routed");
}

// They are the administrator's files.
Error RefuseCni(const CniConfig& config) {
  std::string what = "networks of driver cni are not created here: put a .conflist into '" + config.conf_dir + "'";
  if (!config.enabled) what += " and set network.cni.enabled";
  return {Code::kInvalidArgument, std::move(what)};
}

PoolRequest AskFor(const apitypes::IpamPool& pool) {
  return {pool.subnet, pool.gateway, pool.ip_range, pool.aux_addresses};
}

apitypes::IpamPool PoolView(const NetworkPool& pool) {
  apitypes::IpamPool view;
  view.subnet = ToString(pool.subnet);
  view.gateway = ToString(pool.gateway);
  if (pool.range.has_value()) view.ip_range = ToString(*pool.range);
  for (const auto& [name, address] : pool.auxiliary) view.aux_addresses[name] = ToString(address);
  return view;
}

}  // namespace

apitypes::Network EngineImpl::NetworkView(const NetworkRecord& record) {
  apitypes::Network view;
  view.name = record.name;
  view.id = record.id;
  view.created = record.created;
  view.driver = record.driver;
  view.internal = record.internal;
  view.enable_ipv4 = record.ipv4;
  view.enable_ipv6 = record.ipv6;
  view.options = record.options;
  view.labels = record.labels;
  for (const NetworkPool& pool : record.pools) view.ipam.config.push_back(PoolView(pool));
  if (record.driver == "bridge") view.interface = record.bridge;
  // An option that nobody gave makes compose 1.x take a network for another one.
  if (record.driver == "bridge" && record.predefined) {
    view.options.emplace("com.docker.network.bridge.name", record.bridge);
    view.options.emplace("com.docker.network.driver.mtu", std::to_string(record.mtu));
  }
  view.containers = containers_->ContainersOfNetwork(record);
  return view;
}

Result<bool> EngineImpl::NetworkPasses(const NetworkRecord& record, const apitypes::Filters& filters) {
  if (!filters.Exact("driver", record.driver) || !filters.Exact("scope", "local")) return false;
  if (!filters.Exact("type", record.predefined ? "builtin" : "custom")) return false;
  if (!filters.Labels("label", record.labels)) return false;
  bool named = !filters.Has("name");
  for (const std::string& part : filters.Get("name"))
    named = named || record.name.find(part) != std::string::npos;
  bool known = !filters.Has("id");
  for (const std::string& prefix : filters.Get("id")) known = known || record.id.starts_with(prefix);
  if (filters.Has("dangling")) {
    const bool dangling = TRY(filters.Flag("dangling", false));
    const bool ours = !record.predefined && record.driver != kCni;
    if (dangling != (ours && containers_->ContainersOfNetwork(record).empty())) return false;
  }
  return named && known;
}

Result<std::vector<apitypes::Network>> EngineImpl::ListNetworks(const apitypes::Filters& filters) {
  TRY(filters.Allow({"dangling", "driver", "id", "label", "name", "scope", "type"}));
  std::vector<apitypes::Network> views;
  for (const auto& record : networks_->List()) {
    const bool passes = TRY(NetworkPasses(*record, filters));
    if (passes) views.push_back(NetworkView(*record));
  }
  return views;
}

Result<apitypes::Network> EngineImpl::InspectNetwork(const std::string& name) {
  const auto record = TRY(networks_->Get(name));
  apitypes::Network view = NetworkView(*record);
  const auto counts = networks_->CountAddresses(*record);
  for (std::size_t i = 0; i < counts.size() && i < record->pools.size(); ++i)
    view.subnets[ToString(record->pools[i].subnet)] = {counts[i].in_use, counts[i].free};
  return view;
}

Result<apitypes::NetworkCreateResponse> EngineImpl::CreateNetwork(const apitypes::NetworkCreate& create) {
  if (create.driver == kCni) return RefuseCni(config()->cni);
  TRY(CheckDriver(create.driver));
  TRY(RefuseNetwork(create.ingress, "Ingress"));
  TRY(RefuseNetwork(create.config_only, "ConfigOnly"));
  TRY(RefuseNetwork(!create.config_from.empty(), "ConfigFrom"));
  TRY(RefuseNetwork(!create.scope.empty() && create.scope != "local", "Scope"));
  Networks::CreateRequest request;
  request.record.name = create.name;
  request.record.internal = create.internal;
  request.record.labels = create.labels;
  request.record.driver = create.driver.empty() ? "bridge" : create.driver;
  request.record.ipv4 = create.enable_ipv4.value_or(true);
  request.record.ipv6 = create.enable_ipv6.value_or(false);
  request.record.options = create.options;
  if (request.record.driver == "routed") MakeRouted(request.record);
  if (request.record.driver == "bridge") {
    const BridgeOptions options = TRY(ParseBridgeOptions(request.record.options, create.internal));
    request.record.bridge = options.name;
    request.record.mtu = options.mtu;
  } else {
    TRY(ReadDriverOptions(request.record));
  }
  if (config()->rootless) TRY(CheckUserNetwork(request.record));
  if (create.ipam.has_value()) {
    const apitypes::Ipam& ipam = *create.ipam;
    TRY(RefuseNetwork(!ipam.driver.empty() && ipam.driver != "default", "IPAM.Driver"));
    TRY(RefuseNetwork(!ipam.options.empty(), "IPAM.Options"));
    for (const apitypes::IpamPool& pool : ipam.config) request.pools.push_back(AskFor(pool));
  }
  auto created = networks_->Create(std::move(request));
  if (!created.ok() && created.error().code() == Code::kResourceExhausted)
    return std::move(created).error().Hint("give it a --subnet, or the engine more network.address_pools");
  const auto record = TRY(std::move(created));
  events_.Publish("network", "create", record->id, {{"name", record->name}, {"type", record->driver}});
  return apitypes::NetworkCreateResponse{record->id, ""};
}

Status EngineImpl::RemoveNetwork(const std::string& name) {
  const auto record = TRY(networks_->Get(name));
  const auto members = containers_->ContainersOfNetwork(*record);
  if (!members.empty() && !record->predefined) {
    return Error(Code::kPermissionDenied, "error while removing network: network " + record->name + " id " +
                                              record->id + " has active endpoints (name:\"" +
                                              members.begin()->second.name + "\" id:\"" +
                                              members.begin()->second.endpoint_id.substr(0, 12) + "\")");
  }
  TRY(networks_->Delete(*record));
  events_.Publish("network", "destroy", record->id, {{"name", record->name}, {"type", record->driver}});
  return Ok();
}

Status EngineImpl::ConnectNetwork(const std::string& name, const apitypes::NetworkConnect& connect) {
  const auto record = TRY(networks_->Get(name));
  return containers_->ConnectNetwork(*record, connect);
}

Status EngineImpl::DisconnectNetwork(const std::string& name, const apitypes::NetworkDisconnect& disconnect) {
  const auto record = networks_->Get(name);
  // Only by force: what a container has of a network that is no more.
  if (!record.ok() && disconnect.force) return containers_->ForgetNetwork(name, disconnect);
  if (!record.ok()) return record.error().Clone();
  return containers_->DisconnectNetwork(**record, disconnect);
}

Result<apitypes::PortMap> EngineImpl::AddPorts(const std::string& container, const std::vector<std::string>& ports) {
  return containers_->AddPorts(container, ports);
}

Status EngineImpl::RemovePorts(const std::string& container, const std::vector<std::string>& ports) {
  return containers_->RemovePorts(container, ports);
}

Result<Engine::Findings> EngineImpl::CheckNetwork(const std::string& name) {
  const auto record = TRY(networks_->Get(name));
  if (record->driver != kCni)
    return Error(Code::kInvalidArgument, "network " + record->name + " is of driver " + record->driver +
                                             ": only plugins of networks of driver cni can be asked about them")
        .Hint("'estiba net trace' says what becomes of its containers' traffic");
  Findings findings;
  const auto note = [&](const std::string& what, const Status& status) {
    findings.emplace_back(what, status.ok() ? std::string() : status.error().Message());
  };
  note("network " + record->name, containers_->AskCniStatus(*record));
  for (const auto& [id, member] : containers_->ContainersOfNetwork(*record))
    note("container " + member.name, containers_->CheckCni(id));
  return findings;
}

Result<apitypes::PruneReport> EngineImpl::PruneNetworks(const apitypes::Filters& filters) {
  TRY(filters.Allow({"label", "label!", "until"}));
  const auto until = TRY(filters.Until(WallNow()));
  apitypes::PruneReport report;
  for (const auto& record : networks_->List()) {
    if (record->predefined || record->driver == kCni || !filters.Labels("label", record->labels)) continue;
    if (filters.Has("label!") && filters.Labels("label!", record->labels)) continue;
    const auto created = ParseRfc3339(record->created);
    if (until && (!created.ok() || *created >= *until)) continue;
    if (!containers_->ContainersOfNetwork(*record).empty()) continue;
    TRY(networks_->Delete(*record));
    events_.Publish("network", "destroy", record->id, {{"name", record->name}, {"type", record->driver}});
    report.deleted.push_back(record->name);
  }
  return report;
}

}  // namespace estiba::engine
