#include "cni/result.h"

namespace estiba::cni {
namespace {

using codec::Json;

void SetText(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json.Set(key, text);
}

template <typename T>
void SetNumber(Json& json, const char* key, const std::optional<T>& number) {
  if (number.has_value()) json.Set(key, *number);
}

Json DnsJson(const Dns& dns) {
  Json json = Json::MakeObject();
  if (!dns.nameservers.empty()) json.Set("nameservers", dns.nameservers);
  SetText(json, "domain", dns.domain);
  if (!dns.search.empty()) json.Set("search", dns.search);
  if (!dns.options.empty()) json.Set("options", dns.options);
  return json;
}

Json RouteJson(const Route& route, Version version) {
  Json json = Json::MakeObject({{"dst", ToString(route.destination)}});
  if (route.gateway) json.Set("gw", ToString(*route.gateway));
  if (version < Version::k110) return json;
  SetNumber(json, "mtu", route.mtu);
  SetNumber(json, "advmss", route.advertised_mss);
  SetNumber(json, "priority", route.priority);
  SetNumber(json, "table", route.table);
  SetNumber(json, "scope", route.scope);
  return json;
}

// The first address of a family, and the routes of that family.
void AddOld(Json& json, const AddResult& result, bool v6, Version version) {
  for (const Address& address : result.addresses) {
    if (address.address.address.v6 != v6) continue;
    Json one = Json::MakeObject({{"ip", ToString(address.address)}});
    if (address.gateway) one.Set("gateway", ToString(*address.gateway));
    Json routes = Json::MakeArray();
    for (const Route& route : result.routes) {
      if (route.destination.address.v6 == v6) routes.Append(RouteJson(route, version));
    }
    if (!routes.empty()) one.Set("routes", std::move(routes));
    json.Set(v6 ? "ip6" : "ip4", std::move(one));
    return;
  }
}

Json InterfacesJson(const AddResult& result, Version version) {
  Json list = Json::MakeArray();
  for (const Interface& interface : result.interfaces) {
    Json json = Json::MakeObject({{"name", interface.name}});
    SetText(json, "mac", interface.mac);
    SetText(json, "sandbox", interface.sandbox);
    if (version >= Version::k110) {
      SetNumber(json, "mtu", interface.mtu);
      SetText(json, "socketPath", interface.socket_path);
      SetText(json, "pciID", interface.pci_id);
    }
    list.Append(std::move(json));
  }
  return list;
}

Json AddressesJson(const AddResult& result, Version version) {
  Json list = Json::MakeArray();
  for (const Address& address : result.addresses) {
    Json json = Json::MakeObject();
    if (version < Version::k100) json.Set("version", address.address.address.v6 ? "6" : "4");
    SetNumber(json, "interface", address.interface);
    json.Set("address", ToString(address.address));
    if (address.gateway) json.Set("gateway", ToString(*address.gateway));
    list.Append(std::move(json));
  }
  return list;
}

}  // namespace

Json ToJson(const AddResult& result, Version version) {
  Json json = Json::MakeObject({{"cniVersion", std::string(ToString(version))}});
  if (version <= Version::k020) {
    AddOld(json, result, false, version);
    AddOld(json, result, true, version);
    json.Set("dns", DnsJson(result.dns));
    return json;
  }
  if (!result.interfaces.empty()) json.Set("interfaces", InterfacesJson(result, version));
  if (!result.addresses.empty()) json.Set("ips", AddressesJson(result, version));
  Json routes = Json::MakeArray();
  for (const Route& route : result.routes) routes.Append(RouteJson(route, version));
  if (!routes.empty()) json.Set("routes", std::move(routes));
  json.Set("dns", DnsJson(result.dns));
  return json;
}

}  // namespace estiba::cni
