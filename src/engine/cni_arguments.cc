#include "cni_arguments.h"

namespace estiba::engine {
namespace {

using codec::Json;

Json PortMappings(const std::vector<net::PublishedPort>& ports) {
  Json list = Json::MakeArray();
  for (const net::PublishedPort& port : ports) {
    list.Append(Json::MakeObject({{"hostPort", port.host_port},
                                  {"containerPort", port.container_port},
                                  {"protocol", std::string(net::ToString(port.protocol))},
                                  {"hostIP", ToString(port.host_ip)}}));
  }
  return list;
}

Json Dns(const CniWishes& wishes) {
  Json dns = Json::MakeObject();
  if (!wishes.dns_servers.empty()) dns.Add("servers", wishes.dns_servers);
  if (!wishes.dns_searches.empty()) dns.Add("searches", wishes.dns_searches);
  if (!wishes.dns_options.empty()) dns.Add("options", wishes.dns_options);
  return dns;
}

}  // namespace

Json CapabilityArgs(const CniWishes& wishes) {
  Json args = Json::MakeObject();
  if (!wishes.ports.empty()) args.Add(kCniPorts, PortMappings(wishes.ports));
  if (!wishes.ips.empty()) args.Add(kCniIps, wishes.ips);
  if (!wishes.mac.empty()) args.Add(kCniMac, wishes.mac);
  if (!wishes.aliases.empty()) args.Add("aliases", wishes.aliases);
  if (Json dns = Dns(wishes); !dns.empty()) args.Add("dns", std::move(dns));
  if (!wishes.cgroup_path.empty()) args.Add("cgroupPath", wishes.cgroup_path);
  return args;
}

Status CheckCapability(const cni::NetworkFile& network, const char* capability, const std::string& what) {
  if (network.list.HasCapability(capability)) return Ok();
  return Error(Code::kInvalidArgument, "network " + network.list.name + " has no " + what + ": no plugin in '" +
                                           network.file + "' declares the capability '" + capability + "'");
}

}  // namespace estiba::engine
