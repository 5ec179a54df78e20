#include "networks.h"

#include <algorithm>

#include "bridge_options.h"
#include "codec/json_reader.h"

namespace estiba::engine {
namespace {

using codec::Json;
using codec::Reader;

Json StringMap(const std::map<std::string, std::string>& map) {
  Json json = Json::MakeObject();
  for (const auto& [key, value] : map) json.Add(key, value);
  return json;
}

void ReadAddress(Reader& reader, std::string_view key, Ip* out) {
  std::string text;
  reader.Read(key, &text);
  if (text.empty()) return;
  auto parsed = ParseIp(text);
  if (!parsed.ok()) return reader.Fail(std::move(parsed).error());
  *out = *parsed;
}

template <typename T>
Json Texts(const std::vector<T>& values) {
  Json list = Json::MakeArray();
  for (const T& value : values) list.Append(ToString(value));
  return list;
}

// The one subnet that networks had in records of earlier engines.
Result<std::optional<NetworkPool>> OldPool(const Json& json) {
  NetworkPool pool;
  Reader reader(json);
  std::string subnet;
  std::string range;
  reader.Read("subnet", &subnet);
  reader.Read("range", &range);
  ReadAddress(reader, "gateway", &pool.gateway);
  TRY(reader.Finish());
  if (subnet.empty() || subnet == "0.0.0.0/0") return std::optional<NetworkPool>();
  pool.subnet = TRY(net::ParseSubnet(subnet));
  if (!range.empty()) pool.range = TRY(net::ParseSubnet(range));
  return std::optional(std::move(pool));
}

}  // namespace

Json NetworkPool::ToJson() const {
  Json json = Json::MakeObject({{"subnet", ToString(subnet)}, {"gateway", ToString(gateway)}});
  if (range.has_value()) json.Set("range", ToString(*range));
  Json names = Json::MakeObject();
  for (const auto& [name, address] : auxiliary) names.Add(name, ToString(address));
  json.Set("auxiliary", names);
  return json;
}

Result<NetworkPool> NetworkPool::FromJson(const Json& json) {
  NetworkPool pool;
  Reader reader(json);
  std::string subnet;
  std::string range;
  std::map<std::string, std::string> names;
  reader.Require("subnet", &subnet);
  reader.Read("range", &range);
  ReadAddress(reader, "gateway", &pool.gateway);
  reader.Read("auxiliary", &names);
  TRY(reader.Finish());
  pool.subnet = TRY(net::ParseSubnet(subnet));
  if (!range.empty()) pool.range = TRY(net::ParseSubnet(range));
  for (const auto& [name, address] : names) pool.auxiliary[name] = TRY(ParseIp(address));
  return pool;
}

Json NetworkRecord::ToJson() const {
  Json json = Json::MakeObject({{"id", id}, {"name", name}, {"driver", driver}, {"created", created}});
  json.Set("internal", internal);
  json.Set("predefined", predefined);
  json.Set("ipv4", ipv4);
  json.Set("ipv6", ipv6);
  Json list = Json::MakeArray();
  for (const NetworkPool& pool : pools) list.Append(pool.ToJson());
  json.Set("pools", std::move(list));
  json.Set("bridge", bridge);
  json.Set("mtu", mtu);
  json.Set("labels", StringMap(labels));
  json.Set("options", StringMap(options));
  json.Set("remembered_macs", remembered_macs);
  return json;
}

Result<NetworkRecord> NetworkRecord::FromJson(const Json& json) {
  NetworkRecord record;
  Reader reader(json);
  reader.Require("id", &record.id);
  reader.Require("name", &record.name);
  reader.Require("driver", &record.driver);
  reader.Read("created", &record.created);
  reader.Read("internal", &record.internal);
  reader.Read("predefined", &record.predefined);
  reader.Read("ipv4", &record.ipv4);
  reader.Read("ipv6", &record.ipv6);
  reader.EachObject("pools", [&](Reader& item) {
    auto pool = NetworkPool::FromJson(item.value());
    if (!pool.ok()) return item.Fail(std::move(pool).error());
    record.pools.push_back(std::move(*pool));
  });
  reader.Read("bridge", &record.bridge);
  reader.Read("mtu", &record.mtu);
  reader.Read("labels", &record.labels);
  reader.Read("options", &record.options);
  reader.Read("remembered_macs", &record.remembered_macs);
  TRY(reader.Finish());
  if (json.Find("pools") != nullptr) return record;
  if (auto pool = TRY(OldPool(json))) record.pools.push_back(std::move(*pool));
  return record;
}

bool NetworkRecord::HasSubnetFor(const Ip& address) const {
  return std::ranges::any_of(pools, [&](const NetworkPool& pool) { return pool.subnet.Contains(address); });
}

net::BridgeSpec NetworkRecord::Bridge() const {
  const auto parsed = ParseBridgeOptions(options, internal);
  const BridgeOptions wanted = parsed.ok() ? *parsed : BridgeOptions();  // they were checked when it was made
  net::BridgeSpec spec;
  spec.name = bridge;
  for (const NetworkPool& pool : pools) {
    const bool v6 = pool.subnet.address.v6;
    const bool bare = wanted.Mode(v6) == net::GatewayMode::kIsolated || (!v6 && wanted.inhibit_ipv4);
    if (bare) spec.bare.push_back(pool.subnet);
    else spec.gateways.push_back({pool.gateway, pool.subnet.length});
  }
  spec.mtu = mtu;
  spec.masquerade = wanted.masquerade;
  spec.connects = wanted.connects;
  spec.internal = internal;
  spec.mode_ipv4 = wanted.mode_ipv4;
  spec.mode_ipv6 = wanted.mode_ipv6;
  spec.trusted = wanted.trusted;
  spec.source_ipv4 = wanted.source_ipv4;
  spec.source_ipv6 = wanted.source_ipv6;
  return spec;
}

Json Endpoint::ToJson() const {
  Json json = Json::MakeObject({{"network_id", network_id}, {"id", id}});
  json.Set("addresses", Texts(addresses));
  json.Set("gateways", Texts(gateways));
  json.Set("mac", net::ToString(mac));
  json.Set("bridge", bridge);
  json.Set("host_ifname", host_ifname);
  json.Set("container_ifname", container_ifname);
  json.Set("internal", internal);
  json.Set("mtu", mtu);
  json.Set("driver", driver);
  json.Set("announces", announces);
  return json;
}

namespace {

// The one address that endpoints had in records of earlier engines.
void ReadOldAddress(Reader& reader, Endpoint& endpoint) {
  IpPrefix address;
  Ip gateway;
  ReadAddress(reader, "address", &address.address);
  reader.Read("prefix", &address.length);
  ReadAddress(reader, "gateway", &gateway);
  if (address.length == 0) return;
  endpoint.addresses.push_back(address);
  endpoint.gateways.push_back(gateway);
}

}  // namespace

Result<Endpoint> Endpoint::FromJson(const Json& json) {
  Endpoint endpoint;
  Reader reader(json);
  std::string mac;
  reader.Require("network_id", &endpoint.network_id);
  reader.Read("id", &endpoint.id);
  std::vector<std::string> addresses;
  std::vector<std::string> gateways;
  reader.Read("addresses", &addresses);
  reader.Read("gateways", &gateways);
  ReadOldAddress(reader, endpoint);
  reader.Require("mac", &mac);
  reader.Read("bridge", &endpoint.bridge);
  reader.Read("host_ifname", &endpoint.host_ifname);
  reader.Read("container_ifname", &endpoint.container_ifname);
  reader.Read("internal", &endpoint.internal);
  reader.Read("mtu", &endpoint.mtu);
  reader.Read("driver", &endpoint.driver);
  reader.Read("announces", &endpoint.announces);
  TRY(reader.Finish());
  endpoint.mac = TRY(net::ParseMac(mac));
  for (const std::string& address : addresses) endpoint.addresses.push_back(TRY(ParseIpPrefix(address)));
  for (const std::string& gateway : gateways) endpoint.gateways.push_back(TRY(ParseIp(gateway)));
  return endpoint;
}

std::optional<IpPrefix> Endpoint::Address(bool v6) const {
  for (const IpPrefix& one : addresses)
    if (one.address.v6 == v6) return one;
  return std::nullopt;
}

bool Endpoint::HasToldMac() const {
  const auto place = [](const IpPrefix& one) {
    std::uint32_t number = 0;
    const unsigned bits = one.address.Bits();
    for (unsigned at = bits / 8 - 4; at < bits / 8; ++at) number = number << 8 | one.address.bytes[at];
    const unsigned host_bits = bits - one.length;
    return host_bits >= 32 ? number : number & ((1U << host_bits) - 1);
  };
  if (addresses.empty() || mac != net::MacFor(addresses.front().address)) return false;
  return std::ranges::all_of(addresses, [&](const IpPrefix& one) {
    return !one.address.IsLinkLocal() && place(one) == place(addresses.front());
  });
}

std::optional<Ip> Endpoint::Gateway(bool v6) const {
  for (const Ip& one : gateways)
    if (one.v6 == v6) return one;
  return std::nullopt;
}

}  // namespace estiba::engine
