#include "networks.h"

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

void ReadAddress(Reader& reader, std::string_view key, net::Ipv4* out) {
  std::string text;
  reader.Read(key, &text);
  if (text.empty()) return;
  auto parsed = net::ParseIpv4(text);
  if (!parsed.ok()) return reader.Fail(std::move(parsed).error());
  *out = parsed.value();
}

}  // namespace

Json NetworkRecord::ToJson() const {
  Json json = Json::MakeObject({{"id", id}, {"name", name}, {"driver", driver}, {"created", created}});
  json.Set("internal", internal);
  json.Set("predefined", predefined);
  json.Set("subnet", net::ToString(subnet));
  json.Set("gateway", net::ToString(gateway));
  if (range.has_value()) json.Set("range", net::ToString(*range));
  json.Set("bridge", bridge);
  json.Set("mtu", mtu);
  json.Set("labels", StringMap(labels));
  json.Set("options", StringMap(options));
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
  std::string subnet = "0.0.0.0/0";
  std::string range;
  reader.Read("subnet", &subnet);
  reader.Read("range", &range);
  ReadAddress(reader, "gateway", &record.gateway);
  reader.Read("bridge", &record.bridge);
  reader.Read("mtu", &record.mtu);
  reader.Read("labels", &record.labels);
  reader.Read("options", &record.options);
  TRY(reader.Finish());
  record.subnet = TRY(net::ParseSubnet(subnet));
  if (!range.empty()) record.range = TRY(net::ParseSubnet(range));
  return record;
}

Json Endpoint::ToJson() const {
  Json json = Json::MakeObject({{"network_id", network_id}, {"id", id}});
  json.Set("address", net::ToString(address));
  json.Set("prefix", prefix);
  json.Set("gateway", net::ToString(gateway));
  json.Set("mac", net::ToString(mac));
  json.Set("bridge", bridge);
  json.Set("host_ifname", host_ifname);
  json.Set("container_ifname", container_ifname);
  json.Set("internal", internal);
  json.Set("mtu", mtu);
  return json;
}

Result<Endpoint> Endpoint::FromJson(const Json& json) {
  Endpoint endpoint;
  Reader reader(json);
  std::string mac;
  reader.Require("network_id", &endpoint.network_id);
  reader.Read("id", &endpoint.id);
  ReadAddress(reader, "address", &endpoint.address);
  reader.Read("prefix", &endpoint.prefix);
  ReadAddress(reader, "gateway", &endpoint.gateway);
  reader.Require("mac", &mac);
  reader.Read("bridge", &endpoint.bridge);
  reader.Read("host_ifname", &endpoint.host_ifname);
  reader.Read("container_ifname", &endpoint.container_ifname);
  reader.Read("internal", &endpoint.internal);
  reader.Read("mtu", &endpoint.mtu);
  TRY(reader.Finish());
  endpoint.mac = TRY(net::ParseMac(mac));
  return endpoint;
}

}  // namespace estiba::engine
