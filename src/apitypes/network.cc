#include "apitypes/network.h"

#include "describe.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, IpamPool& v) {
  f.Omit("Subnet", v.subnet);
  f.Omit("IPRange", v.ip_range);
  f.Omit("Gateway", v.gateway);
  f.Omit("AuxiliaryAddresses", v.aux_addresses);
}
template <typename A>
void Describe(A& f, Ipam& v) {
  f("Driver", v.driver);
  f.Null("Options", v.options);
  f("Config", v.config);
}
template <typename A>
void Describe(A& f, NetworkCreate& v) {
  f("Name", v.name);
  f.Omit("CheckDuplicate", v.check_duplicate);
  f("Driver", v.driver);
  f.Omit("Scope", v.scope);
  f.Omit("EnableIPv4", v.enable_ipv4);
  f.Omit("EnableIPv6", v.enable_ipv6);
  f.Omit("IPAM", v.ipam);
  f("Internal", v.internal);
  f("Attachable", v.attachable);
  f("Ingress", v.ingress);
  f("ConfigOnly", v.config_only);
  f.Inside("ConfigFrom", [&](auto& c) { c("Network", v.config_from); });
  f("Options", v.options);
  f("Labels", v.labels);
}
template <typename A>
void Describe(A& f, NetworkCreateResponse& v) {
  f("Id", v.id);
  f("Warning", v.warning);
}
template <typename A>
void Describe(A& f, NetworkContainer& v) {
  f("Name", v.name);
  f("EndpointID", v.endpoint_id);
  f("MacAddress", v.mac_address);
  f("IPv4Address", v.ipv4_address);
  f("IPv6Address", v.ipv6_address);
}
template <typename A>
void Describe(A& f, SubnetUsage& v) {
  f("IPsInUse", v.in_use);
  f("DynamicIPsAvailable", v.available);
}
template <typename A>
void Describe(A& f, Network& v) {
  f("Name", v.name);
  f("Id", v.id);
  f("Created", v.created);
  f("Scope", v.scope);
  f("Driver", v.driver);
  f("EnableIPv4", v.enable_ipv4);
  f("EnableIPv6", v.enable_ipv6);
  f("IPAM", v.ipam);
  f("Internal", v.internal);
  f("Attachable", v.attachable);
  f("Ingress", v.ingress);
  f.Inside("ConfigFrom", [&](auto& c) { c("Network", v.config_from); });
  f("ConfigOnly", v.config_only);
  f("Containers", v.containers);
  f("Options", v.options);
  f("Labels", v.labels);
  f.Inside("Status", [&](auto& s) { s.Inside("IPAM", [&](auto& i) { i.Omit("Subnets", v.subnets); }); });
  f.Omit("Interface", v.interface);
}
template <typename A>
void Describe(A& f, NetworkConnect& v) {
  f("Container", v.container);
  f.Omit("EndpointConfig", v.endpoint);
}
template <typename A>
void Describe(A& f, NetworkDisconnect& v) {
  f("Container", v.container);
  f("Force", v.force);
}

codec::Json EndpointSettings::ToJson() const { return Write(*this); }
codec::Json NetworkCreate::ToJson() const { return Write(*this); }
Result<NetworkCreate> NetworkCreate::FromJson(const codec::Json& json) { return Load<NetworkCreate>(json); }
codec::Json NetworkCreateResponse::ToJson() const { return Write(*this); }
Result<NetworkCreateResponse> NetworkCreateResponse::FromJson(const codec::Json& json) {
  return Load<NetworkCreateResponse>(json);
}
codec::Json Network::ToJson() const { return Write(*this); }
Result<Network> Network::FromJson(const codec::Json& json) { return Load<Network>(json); }
codec::Json NetworkConnect::ToJson() const { return Write(*this); }
Result<NetworkConnect> NetworkConnect::FromJson(const codec::Json& json) {
  return Load<NetworkConnect>(json);
}
codec::Json NetworkDisconnect::ToJson() const { return Write(*this); }
Result<NetworkDisconnect> NetworkDisconnect::FromJson(const codec::Json& json) {
  return Load<NetworkDisconnect>(json);
}

}  // namespace estiba::apitypes
