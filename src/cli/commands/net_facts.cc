#include "net_facts.h"

#include "http/client.h"

namespace estiba::cli {
namespace {

using codec::Json;

const Json::Array& Items(const Json* list) {
  static const Json::Array kNone;
  const Json::Array* items = list != nullptr ? list->IfArray() : nullptr;
  return items != nullptr ? *items : kNone;
}

const Json::Object& Members(const Json* object) {
  static const Json::Object kNone;
  const Json::Object* members = object != nullptr ? object->IfObject() : nullptr;
  return members != nullptr ? *members : kNone;
}

void AddAddress(const Json& endpoint, std::string_view field, nettrace::Membership& membership) {
  if (auto address = ParseIp(endpoint.GetString(field)); address.ok()) membership.addresses.push_back(*address);
}

void AddNames(const Json& endpoint, const std::string& container, const std::string& network, NetFacts& facts) {
  for (const char* list : {"Aliases", "DNSNames"})
    for (const Json& name : Items(endpoint.Find(list)))
      if (const std::string* text = name.IfString()) facts.names.push_back({*text, container, network});
}

void AddPorts(const Json& container, const std::string& name, NetFacts& facts) {
  for (const Json& port : Items(container.Find("Ports"))) {
    nettrace::Published published;
    published.container = name;
    const auto protocol = nettrace::FindProtocol(port.GetString("Type"));
    if (!protocol) continue;
    published.protocol = *protocol;
    published.port = static_cast<std::uint16_t>(port.GetInt("PrivatePort"));
    published.host_port = static_cast<std::uint16_t>(port.GetInt("PublicPort"));
    const auto address = ParseIp(port.GetString("IP"));
    if (!address.ok() || published.host_port == 0) continue;
    published.host = *address;
    facts.facts.published.push_back(std::move(published));
  }
}

void AddContainer(const Json& json, NetFacts& facts) {
  nettrace::Container container;
  for (const Json& name : Items(json.Find("Names")))
    if (const std::string* text = name.IfString(); text != nullptr && container.name.empty())
      container.name = text->starts_with('/') ? text->substr(1) : *text;
  if (container.name.empty()) return;
  const Json* mode = json.FindPath({"HostConfig", "NetworkMode"});
  container.host_network = mode != nullptr && mode->IfString() != nullptr && *mode->IfString() == "host";
  for (const Json::Member& member : Members(json.FindPath({"NetworkSettings", "Networks"}))) {
    nettrace::Membership membership{member.key, {}};
    AddAddress(member.value, "IPAddress", membership);
    AddAddress(member.value, "GlobalIPv6Address", membership);
    AddNames(member.value, container.name, member.key, facts);
    if (!membership.addresses.empty()) container.networks.push_back(std::move(membership));
  }
  AddPorts(json, container.name, facts);
  facts.facts.containers.push_back(std::move(container));
}

void AddNetwork(const Json& json, NetFacts& facts) {
  nettrace::Network network;
  network.name = json.GetString("Name");
  network.internal = json.GetBool("Internal");
  network.bridge = json.GetString("Interface");
  for (const Json& pool : Items(json.FindPath({"IPAM", "Config"})))
    if (auto subnet = ParseIpPrefix(pool.GetString("Subnet")); subnet.ok()) network.subnets.push_back(*subnet);
  facts.facts.networks.push_back(std::move(network));
}

}  // namespace

Result<NetFacts> AskNetFacts(Api* engine) {
  const Json containers = TRY(engine->Get("/containers/json"));
  const Json networks = TRY(engine->Get("/networks"));
  NetFacts facts;
  for (const Json& one : Items(&networks)) AddNetwork(one, facts);
  for (const Json& one : Items(&containers)) AddContainer(one, facts);
  return facts;
}

Result<pid_t> AskProcess(Api* engine, const std::string& container) {
  const Json found = TRY(engine->Get(ContainerPath(container, "json")));
  const Json* pid = found.FindPath({"State", "Pid"});
  return static_cast<pid_t>(pid != nullptr ? pid->IfInt().value_or(0) : 0);
}

}  // namespace estiba::cli
