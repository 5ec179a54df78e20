#include "networks.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "bridge_options.h"
#include "names.h"
#include "net/setup.h"
#include "network_drivers.h"
#include "user_network.h"

namespace estiba::engine {
namespace {

constexpr const char* kTable = "networks";

// IFNAMSIZ is 16 with the final zero.
std::string BridgeName(const std::string& network_id) { return "est-" + network_id.substr(0, 11); }

}  // namespace

std::string Networks::LinkName(const std::string& container_id, unsigned index) {
  return index == 0 ? "ve" + container_id.substr(0, 13)
                    : "ve" + container_id.substr(0, 10) + "." + std::to_string(index);
}

// Not on a bridge that somebody else has named: other machines may be on it.
bool NetworkRecord::HasToldMacs() const {
  const bool own_link = driver == "bridge" && bridge == (predefined ? Config().bridge : BridgeName(id));
  const std::size_t families = (ipv4 ? 1U : 0U) + (ipv6 ? 1U : 0U);
  return own_link && pools.size() <= families && !remembered_macs;
}

Networks::Networks(store::Database* database, const Config& config)
    : database_(database),
      config_(config),
      bridge_(config.bridge),
      bridge_subnet_(config.bridge_subnet),
      mtu_(static_cast<unsigned>(config.mtu)),
      default_bind_(config.default_bind),
      cni_(config.cni) {}

Result<std::unique_ptr<Networks>> Networks::Open(store::Database* database, const Config& config) {
  std::unique_ptr<Networks> networks(new Networks(database, config));
  for (const AddressPool& pool : config.address_pools) {
    net::AddressPool made{TRY_CTX(net::ParseSubnet(pool.base), "network.address_pools"),
                          static_cast<unsigned>(pool.size)};
    TRY_CTX(net::CheckPool(made), "network.address_pools");
    networks->pools_.push_back(made);
  }
  TRY_CTX(ParseIp(config.default_bind), "network.default_bind");
  TRY_CTX(networks->Load(), "load networks");
  TRY_CTX(networks->MakePredefined(), "make the predefined networks");
  return networks;
}

Status Networks::Install(State& state, std::shared_ptr<const NetworkRecord> network) {
  std::vector<net::AddressAllocator> allocators;
  for (const NetworkPool& pool : network->pools) {
    std::vector<Ip> reserved;
    for (const auto& [name, address] : pool.auxiliary) reserved.push_back(address);
    allocators.push_back(
        TRY(net::AddressAllocator::Create(pool.subnet, pool.gateway, pool.range, std::move(reserved))));
  }
  if (!allocators.empty()) state.allocators[network->id] = std::move(allocators);
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

Status Networks::RecordAndInstall(NetworkRecord record) {
  TRY(Record(record));
  auto state = state_.Lock();
  return Install(*state, std::make_shared<const NetworkRecord>(std::move(record)));
}

Status Networks::MakePredefined() {
  for (const auto& [name, driver] : {std::pair("bridge", "bridge"), {"host", "host"}, {"none", "null"}}) {
    if (Get(name).ok()) continue;
    NetworkRecord record;
    record.id = TRY(MakeId());
    record.name = name;
    record.driver = driver;
    record.created = FormatRfc3339(WallNow());
    record.predefined = true;
    if (record.driver == "bridge") {
      const IpPrefix subnet = TRY(ChooseSubnet(bridge_subnet_, bridge_subnet_.contains(':')));
      record.pools.push_back({subnet, net::Next(subnet.address), {}, {}});
    }
    TRY(RecordAndInstall(std::move(record)));
  }
  return FollowSettings();
}

// The default bridge's link, its size and IPv6 are settings: containers started from now on follow them.
Status Networks::FollowSettings() {
  NetworkRecord record = *TRY(Get("bridge"));
  const auto is_six = [](const NetworkPool& pool) { return pool.subnet.address.v6; };
  const auto there = std::ranges::find_if(record.pools, is_six);
  const bool any_subnet = config_.bridge_subnet6.empty();
  std::optional<IpPrefix> wanted;
  if (!any_subnet) wanted = TRY_CTX(net::ParseSubnet(config_.bridge_subnet6), "network.bridge_subnet6");
  const bool has_six = there != record.pools.end() && record.ipv6;
  const bool same_six = config_.bridge_ipv6 ? has_six && (any_subnet || there->subnet == *wanted) : !record.ipv6;
  if (same_six && record.bridge == bridge_ && record.mtu == mtu_) return Ok();
  record.bridge = bridge_;
  record.mtu = mtu_;
  if (!same_six) {
    record.ipv6 = config_.bridge_ipv6;
    std::erase_if(record.pools, is_six);
    TRY(RecordAndInstall(record));  // what it had may be part of what it gets
    if (record.ipv6) {
      const IpPrefix subnet = TRY_CTX(ChooseSubnet(config_.bridge_subnet6, /*v6=*/true), "network.bridge_subnet6");
      record.pools.push_back({subnet, net::Next(subnet.address), {}, {}});
    }
  }
  return RecordAndInstall(std::move(record));
}

std::vector<std::shared_ptr<const NetworkRecord>> Networks::Recorded() const {
  std::vector<std::shared_ptr<const NetworkRecord>> all;
  auto state = state_.Lock();
  for (const auto& [id, network] : state->by_id) all.push_back(network);
  return all;
}

std::vector<std::shared_ptr<const NetworkRecord>> Networks::List() const {
  auto all = Recorded();
  auto more = OfCni();
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return all;
}

Result<std::shared_ptr<const NetworkRecord>> Networks::Get(std::string_view name) const {
  std::vector<std::shared_ptr<const NetworkRecord>> matching;
  if (name == "default") name = "bridge";
  for (auto& network : Recorded()) {
    // Most are, and then no file is read.
    if (network->name == name || network->id == name) return network;
  }
  for (auto& network : List()) {
    if (network->name == name || network->id == name) return network;
    if (!name.empty() && network->id.starts_with(name)) matching.push_back(network);
  }
  if (matching.size() == 1) return matching[0];
  if (matching.empty()) return NotFound(name);
  return Error(Code::kInvalidArgument, "network " + std::string(name) + " is ambiguous (" +
                                           std::to_string(matching.size()) +
                                           " matches found based on ID prefix)");
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
  record.created = FormatRfc3339(WallNow());
  TRY(ChoosePools(request, record));
  if (record.driver == "bridge") {
    if (record.bridge.empty()) record.bridge = BridgeName(record.id);
    if (record.mtu == 0) record.mtu = mtu_;
  }
  auto made = std::make_shared<const NetworkRecord>(std::move(record));
  TRY(Record(*made));
  TRY(MakeLinks(*made));
  auto state = state_.Lock();
  TRY(Install(*state, made));
  return made;
}

// Recorded before, so that what an engine that is killed leaves goes with the network.
Status Networks::MakeLinks(const NetworkRecord& network) {
  Status made = PrepareLinks(network, List());
  if (made.ok()) return made;
  if (network.driver == "bridge" && network.bridge == BridgeName(network.id)) TRY(net::DeleteBridge(network.Bridge()));
  TRY(database_->Delete(kTable, network.id));
  return made;
}

Status Networks::Delete(const NetworkRecord& network) {
  if (network.predefined) {
    return Error(Code::kPermissionDenied, network.name + " is a pre-defined network and cannot be removed");
  }
  if (network.driver == kCni) {
    const cni::NetworkFile described = TRY(GetCni(network));
    return Error(Code::kPermissionDenied, "network " + network.name + " is described by '" + described.file +
                                              "': it goes when that file is removed");
  }
  if (network.driver == "bridge" && !IsUnmanaged(network))
    TRY(WithBridges(config_, [&] { return net::DeleteBridge(network.Bridge()); }));
  if (SitsOnParent(network.driver)) TRY(DropParent(network, List()));
  TRY(database_->Delete(kTable, network.id));
  auto state = state_.Lock();
  state->by_id.erase(network.id);
  state->allocators.erase(network.id);
  return Ok();
}

std::vector<net::AddressAllocator::Counts> Networks::CountAddresses(const NetworkRecord& network) const {
  std::vector<net::AddressAllocator::Counts> counts;
  auto state = state_.Lock();
  const auto found = state->allocators.find(network.id);
  if (found == state->allocators.end()) return counts;
  for (const net::AddressAllocator& allocator : found->second) counts.push_back(allocator.Count());
  return counts;
}

// Of one family: the one that is wanted, else the one that it had last, else the next that is free.
Result<Ip> Networks::TakeAddress(std::vector<net::AddressAllocator>& allocators, const EndpointRequest& request,
                                 bool v6) {
  const std::string& text = v6 ? request.ipv6 : request.ipv4;
  std::optional<Ip> wanted;
  if (!text.empty()) wanted = TRY(ParseIp(text));
  Status refused = Error(Code::kResourceExhausted, "no addresses");
  for (net::AddressAllocator& allocator : allocators) {
    if (allocator.subnet().address.v6 != v6) continue;
    if (wanted) {
      if (!allocator.subnet().Contains(*wanted)) continue;
      TRY(allocator.Take(*wanted));
      return *wanted;
    }
    for (const IpPrefix& last : request.last)
      if (last.address.v6 == v6 && allocator.Take(last.address).ok()) return last.address;
    auto taken = allocator.Take();
    if (taken.ok()) return *taken;
    refused = std::move(taken).error();
  }
  if (wanted)
    return Error(Code::kInvalidArgument, "no configured subnet or ip-range contain the IP address " + text);
  return std::move(refused).error();
}

// All of them or none.
Status Networks::TakeAddresses(std::vector<net::AddressAllocator>& allocators, const EndpointRequest& request,
                               const NetworkRecord& network, Endpoint& endpoint) {
  const net::BridgeSpec bridge = network.Bridge();
  const auto has_gateway = [&](bool v6) {
    return std::ranges::any_of(bridge.gateways, [&](const IpPrefix& one) { return one.address.v6 == v6; });
  };
  for (const bool v6 : {false, true}) {
    if (!(v6 ? network.ipv6 : network.ipv4)) continue;
    auto taken = TakeAddress(allocators, request, v6);
    if (!taken.ok()) {
      for (const IpPrefix& given : endpoint.addresses)
        for (net::AddressAllocator& allocator : allocators)
          if (allocator.subnet().Contains(given.address)) allocator.Release(given.address, /*used=*/false);
      return std::move(taken).error();
    }
    for (const NetworkPool& pool : network.pools) {
      if (!pool.subnet.Contains(*taken)) continue;
      endpoint.addresses.push_back({*taken, pool.subnet.length});
      if (has_gateway(v6)) endpoint.gateways.push_back(pool.gateway);
    }
  }
  return Ok();
}

Result<Endpoint> Networks::Connect(const EndpointRequest& request, const std::string& container_id,
                                   unsigned index) {
  const auto network = TRY(Get(request.network));
  if (network->driver == kCni) return CniEndpoint(*network, request, container_id, index);
  if (network->pools.empty()) {
    return Error(Code::kInvalidArgument, "network " + network->name + " has no addresses to give");
  }
  Endpoint endpoint;
  endpoint.network_id = network->id;
  endpoint.id = TRY(MakeId());
  endpoint.bridge = network->bridge;
  endpoint.internal = network->internal;
  endpoint.mtu = network->mtu;
  endpoint.driver = IsUnmanaged(*network) ? kUnmanaged : network->driver;
  endpoint.host_ifname = LinkName(container_id, index);
  BridgeOptions options;
  if (network->driver == "bridge") options = TRY(ParseBridgeOptions(network->options, network->internal));
  endpoint.container_ifname = options.interface_prefix + std::to_string(index);
  if (!request.mac.empty()) endpoint.mac = TRY(net::ParseMac(request.mac));
  if (SitsOnParent(network->driver) && HasParentsMac(*network)) {
    if (!request.mac.empty())
      return Error(Code::kInvalidArgument, "network " + network->name + ": containers have the hardware address of '" +
                                               ParentOf(*network) + "' and no other");
    endpoint.mac = TRY(net::MacOfParent(ParentOf(*network)));
  }
  {
    auto state = state_.Lock();
    const auto found = state->allocators.find(network->id);
    if (found == state->allocators.end())
      return Error(Code::kNotFound, "network " + network->name + " not found");  // removed meanwhile
    TRY(TakeAddresses(found->second, request, *network, endpoint));
  }
  if (endpoint.mac == net::Mac{}) endpoint.mac = net::MacFor(endpoint.addresses.at(0).address);
  for (const std::string& text : request.link_local) {
    const Ip address = TRY(ParseIp(text));  // checked when the container was made
    endpoint.addresses.push_back({address, address.v6 ? 64U : 16U});
  }
  if (Status remembered = RememberMac(*network, endpoint); !remembered.ok()) {
    Release(endpoint, /*used=*/false);
    return std::move(remembered).error();
  }
  endpoint.announces = !network->HasToldMacs() || !endpoint.HasToldMac();
  return endpoint;
}

// Recorded before anybody can have seen it; for good, since it cannot be known who remembers what for how long.
Status Networks::RememberMac(const NetworkRecord& network, const Endpoint& endpoint) {
  if (network.driver != "bridge" || network.remembered_macs || endpoint.HasToldMac()) return Ok();
  const std::lock_guard creating(creating_);
  NetworkRecord record = *TRY(Get(network.id));
  record.remembered_macs = true;
  TRY(Record(record));
  {
    auto state = state_.Lock();
    const auto found = state->by_id.find(record.id);
    if (found != state->by_id.end()) {
      found->second = std::make_shared<const NetworkRecord>(std::move(record));
      return Ok();
    }
  }
  return database_->Delete(kTable, network.id);  // removed meanwhile
}

void Networks::Claim(const Endpoint& endpoint) {
  const auto network = Get(endpoint.network_id);
  const Status remembered = network.ok() ? RememberMac(**network, endpoint) : Ok();  // an earlier engine did not
  if (!remembered.ok()) log::Warn("remember hardware addresses", {{"error", remembered.error().Message()}});
  auto state = state_.Lock();
  const auto found = state->allocators.find(endpoint.network_id);
  if (found == state->allocators.end()) return;
  for (const IpPrefix& one : endpoint.addresses) {
    for (net::AddressAllocator& allocator : found->second) {
      if (!allocator.subnet().Contains(one.address)) continue;
      const Status taken = allocator.Take(one.address);
      if (!taken.ok())
        log::Warn("claim an address", {{"address", ToString(one.address)}, {"error", taken.error().Message()}});
    }
  }
}

void Networks::Release(const Endpoint& endpoint, bool used) {
  auto state = state_.Lock();
  const auto found = state->allocators.find(endpoint.network_id);
  if (found == state->allocators.end()) return;
  for (const IpPrefix& one : endpoint.addresses)
    for (net::AddressAllocator& allocator : found->second)
      if (allocator.subnet().Contains(one.address)) allocator.Release(one.address, used);
}

}  // namespace estiba::engine
