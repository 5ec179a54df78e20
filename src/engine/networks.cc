#include "networks.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "names.h"
#include "net/setup.h"

namespace estiba::engine {
namespace {

constexpr const char* kTable = "networks";

// IFNAMSIZ is 16 with the final zero.
std::string BridgeName(const std::string& network_id) { return "est-" + network_id.substr(0, 11); }
std::string HostIfname(const std::string& container_id, unsigned index) {
  return index == 0 ? "ve" + container_id.substr(0, 13)
                    : "ve" + container_id.substr(0, 10) + "." + std::to_string(index);
}

}  // namespace

Networks::Networks(store::Database* database, const Config& config)
    : database_(database),
      bridge_(config.bridge),
      bridge_subnet_(config.bridge_subnet),
      mtu_(static_cast<unsigned>(config.mtu)),
      default_bind_(config.default_bind) {}

Result<std::unique_ptr<Networks>> Networks::Open(store::Database* database, const Config& config) {
  std::unique_ptr<Networks> networks(new Networks(database, config));
  for (const AddressPool& pool : config.address_pools) {
    net::AddressPool made{TRY_CTX(net::ParseSubnet(pool.base), "network.address_pools"),
                          static_cast<unsigned>(pool.size)};
    TRY_CTX(net::CheckPool(made), "network.address_pools");
    networks->pools_.push_back(made);
  }
  TRY_CTX(net::ParseIpv4(config.default_bind), "network.default_bind");
  TRY_CTX(networks->Load(), "load networks");
  TRY_CTX(networks->MakePredefined(), "make the predefined networks");
  return networks;
}

Status Networks::Install(State& state, std::shared_ptr<const NetworkRecord> network) {
  if (network->driver == "bridge") {
    state.allocators[network->id] =
        TRY(net::AddressAllocator::Create(network->subnet, network->gateway, network->range));
  }
  std::string id = network->id;
  state.by_id[std::move(id)] = std::move(network);
  return Ok();
}

Status Networks::Load() {
  const std::vector<store::Document> documents = TRY(database_->List(kTable));
  auto state = state_.Lock();
  for (const store::Document& document : documents) {
    const codec::Json json = TRY_CTX(codec::ParseJson(document.value), "network '" + document.key + "'");
    NetworkRecord record = TRY_CTX(NetworkRecord::FromJson(json), "network '" + document.key + "'");
    TRY(Install(*state, std::make_shared<const NetworkRecord>(std::move(record))));
  }
  return Ok();
}

Status Networks::Record(const NetworkRecord& network) {
  return database_->Put(kTable, network.id, network.ToJson().Dump());
}

Status Networks::MakePredefined() {
  for (const auto& [name, driver] : {std::pair("bridge", "bridge"), {"host", "host"}, {"none", "null"}}) {
    auto found = Get(name);
    NetworkRecord record;
    if (found.ok()) {
      // The link's name and size are settings: containers started from now on follow them.
      if (found.value()->driver != "bridge") continue;
      if (found.value()->bridge == bridge_ && found.value()->mtu == mtu_) continue;
      record = *found.value();
    } else {
      record.id = TRY(MakeId());
      record.name = name;
      record.driver = driver;
      record.created = FormatRfc3339(WallNow());
      record.predefined = true;
    }
    if (record.driver == "bridge") {
      record.bridge = bridge_;
      record.mtu = mtu_;
      if (record.subnet.prefix == 0) {
        record.subnet = TRY(ChooseSubnet(bridge_subnet_));
        record.gateway = net::Ipv4{record.subnet.base.value + 1};
      }
    }
    TRY(Record(record));
    auto state = state_.Lock();
    TRY(Install(*state, std::make_shared<const NetworkRecord>(std::move(record))));
  }
  return Ok();
}

std::vector<std::shared_ptr<const NetworkRecord>> Networks::List() const {
  std::vector<std::shared_ptr<const NetworkRecord>> all;
  auto state = state_.Lock();
  for (const auto& [id, network] : state->by_id) all.push_back(network);
  return all;
}

Result<std::shared_ptr<const NetworkRecord>> Networks::Get(std::string_view name) const {
  std::vector<std::shared_ptr<const NetworkRecord>> matching;
  if (name == "default") name = "bridge";
  for (auto& network : List()) {
    if (network->name == name || network->id == name) return network;
    if (!name.empty() && network->id.starts_with(name)) matching.push_back(network);
  }
  if (matching.size() == 1) return matching[0];
  if (matching.empty()) return Error(Code::kNotFound, "network " + std::string(name) + " not found");
  return Error(Code::kInvalidArgument, "network " + std::string(name) + " is ambiguous (" +
                                           std::to_string(matching.size()) +
                                           " matches found based on ID prefix)");
}

Result<net::Subnet> Networks::ChooseSubnet(const std::string& wanted) const {
  std::vector<net::Subnet> taken;
  for (const auto& network : List()) {
    if (network->driver == "bridge") taken.push_back(network->subnet);
  }
  if (!wanted.empty()) {
    const net::Subnet subnet = TRY(net::ParseSubnet(wanted));
    for (const net::Subnet& other : taken) {
      if (subnet.Overlaps(other)) {
        return Error(Code::kPermissionDenied,
                     "invalid pool request: Pool overlaps with other one on this address space");
      }
    }
    return subnet;
  }
  auto routes = net::HostRoutes();
  if (routes.ok()) taken.insert(taken.end(), routes.value().begin(), routes.value().end());
  return net::ChooseSubnet(pools_, taken);
}

Result<std::shared_ptr<const NetworkRecord>> Networks::Create(CreateRequest request) {
  NetworkRecord& record = request.record;
  TRY(CheckName(record.name, "network"));
  // One at a time: a name or a subnet that is free now is free when it is taken.
  const std::lock_guard creating(creating_);
  for (const auto& network : List()) {
    if (network->name == record.name) {
      return Error(Code::kConflict, "network with name " + record.name + " already exists");
    }
  }
  record.id = TRY(MakeId());
  record.driver = "bridge";
  record.created = FormatRfc3339(WallNow());
  record.subnet = TRY(ChooseSubnet(request.subnet));
  record.gateway = net::Ipv4{record.subnet.base.value + 1};
  if (!request.gateway.empty()) {
    record.gateway = TRY(net::ParseIpv4(request.gateway));
    if (!record.subnet.Contains(record.gateway)) {
      return Error(Code::kInvalidArgument, "no matching subnet for gateway " + request.gateway);
    }
  }
  if (!request.range.empty()) {
    record.range = TRY(net::ParseSubnet(request.range));
    if (!record.subnet.Contains(record.range->base) || record.range->prefix < record.subnet.prefix) {
      return Error(Code::kInvalidArgument, "no matching subnet for range " + request.range);
    }
  }
  if (record.bridge.empty()) record.bridge = BridgeName(record.id);
  if (record.mtu == 0) record.mtu = mtu_;
  auto made = std::make_shared<const NetworkRecord>(std::move(record));
  TRY(Record(*made));
  auto state = state_.Lock();
  TRY(Install(*state, made));
  return made;
}

Status Networks::Delete(const NetworkRecord& network) {
  if (network.predefined) {
    return Error(Code::kPermissionDenied, network.name + " is a pre-defined network and cannot be removed");
  }
  const net::BridgeSpec bridge{network.bridge, network.gateway, network.subnet, network.mtu,
                               !network.internal};
  TRY(net::DeleteBridge(bridge));
  TRY(database_->Delete(kTable, network.id));
  auto state = state_.Lock();
  state->by_id.erase(network.id);
  state->allocators.erase(network.id);
  return Ok();
}

Result<Endpoint> Networks::Connect(const EndpointRequest& request, const std::string& container_id,
                                   unsigned index) {
  const auto network = TRY(Get(request.network));
  if (network->driver != "bridge") {
    return Error(Code::kInvalidArgument, "network " + network->name + " has no addresses to give");
  }
  Endpoint endpoint;
  endpoint.network_id = network->id;
  endpoint.id = TRY(MakeId());
  endpoint.prefix = network->subnet.prefix;
  endpoint.gateway = network->gateway;
  endpoint.bridge = network->bridge;
  endpoint.internal = network->internal;
  endpoint.mtu = network->mtu;
  endpoint.host_ifname = HostIfname(container_id, index);
  endpoint.container_ifname = "eth" + std::to_string(index);
  if (!request.mac.empty()) endpoint.mac = TRY(net::ParseMac(request.mac));
  {
    auto state = state_.Lock();
    const auto found = state->allocators.find(network->id);
    if (found == state->allocators.end())
      return Error(Code::kNotFound, "network " + network->name + " not found");  // removed meanwhile
    net::AddressAllocator& allocator = found->second;
    if (request.address.empty()) {
      const bool again = request.last.has_value() && allocator.Take(*request.last).ok();
      endpoint.address = again ? *request.last : TRY(allocator.Take());
    } else {
      endpoint.address = TRY(net::ParseIpv4(request.address));
      TRY(allocator.Take(endpoint.address));
    }
  }
  if (request.mac.empty()) endpoint.mac = net::MacFor(endpoint.address);
  return endpoint;
}

void Networks::Claim(const Endpoint& endpoint) {
  auto state = state_.Lock();
  const auto found = state->allocators.find(endpoint.network_id);
  if (found == state->allocators.end()) return;
  const Status taken = found->second.Take(endpoint.address);
  if (!taken.ok()) {
    log::Warn("claim an address",
              {{"address", net::ToString(endpoint.address)}, {"error", taken.error().Message()}});
  }
}

void Networks::Release(const Endpoint& endpoint, bool used) {
  auto state = state_.Lock();
  const auto found = state->allocators.find(endpoint.network_id);
  if (found != state->allocators.end()) found->second.Release(endpoint.address, used);
}

Result<net::Reservation> Networks::ReserveOne(const net::PublishRequest& request,
                                              net::Ipv4 container_ip) const {
  net::PublishedPort wanted;
  wanted.protocol = request.container.protocol;
  wanted.container_port = request.container.port;
  wanted.container_ip = container_ip;
  wanted.host_ip = TRY(net::ParseIpv4(request.host_ip.empty() ? default_bind_ : request.host_ip));
  wanted.host_port = request.host_first;
  return net::ReserveOneOf(wanted, {request.host_first, request.host_last});
}

Result<PortSet> Networks::Publish(const std::vector<net::PublishRequest>& requests,
                                  net::Ipv4 container_ip) const {
  PortSet set;
  for (const net::PublishRequest& request : requests) {
    net::Reservation reservation = TRY(ReserveOne(request, container_ip));
    set.ports.push_back(reservation.port);
    set.sockets.push_back(std::move(reservation.socket));
  }
  return set;
}

}  // namespace estiba::engine
