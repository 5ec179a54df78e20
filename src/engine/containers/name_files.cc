// /etc/hostname, /etc/hosts and /etc/resolv.conf of containers, and what estiba-netd is told of their names.

#include <algorithm>

#include <fcntl.h>

#include "../endpoint_options.h"
#include "../names.h"
#include "../network_drivers.h"
#include "containers.h"
#include "net/files.h"
#include "net/link_addresses.h"
#include "os/file.h"
#include "plan/wire.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::chrono::seconds kTellPatience{10};

// What Docker Desktop and podman call the host, unless --add-host says who that is.
void AddHostNames(const Ip& gateway, net::HostsInput& hosts) {
  for (const char* name : {"host.docker.internal", "host.containers.internal"}) {
    const bool given = std::ranges::any_of(hosts.extra, [&](const auto& entry) { return entry.first == name; });
    if (!given) hosts.extra.emplace_back(name, ToString(gateway));
  }
}

// "80/tcp" as what SRV asks for: "_80._tcp".
std::vector<dns::Service> ServicesOf(const std::set<std::string>& exposed) {
  constexpr std::size_t kMost = 1024;  // of whole ranges, the first
  std::vector<dns::Service> services;
  for (const std::string& text : exposed) {
    const auto port = net::ParseContainerPort(text);
    if (!port.ok()) continue;  // checked when the container was made
    if (services.size() == kMost) break;
    services.push_back({std::to_string(port->port), std::string(net::ToString(port->protocol)), port->port});
  }
  return services;
}

// Checked when they were asked for.
std::vector<dns::Link> LinksIn(const ContainerRecord& record, const NetworkRecord& network) {
  std::vector<dns::Link> links;
  for (const std::string& text : record.SettingsIn(network.name).links) {
    if (auto link = ParseLink(text); link.ok()) links.push_back(*std::move(link));
  }
  return links;
}

}  // namespace

// Where no network leads outside by the host: the gateway of an internal one, or what the host has on the link that
// containers sit on; never a gateway that is another machine.
Result<std::string> Containers::AddressOfHost(const std::vector<Endpoint>& endpoints) {
  if (endpoints.empty()) return std::string("127.0.0.1");
  for (const Endpoint& endpoint : endpoints)
    if (endpoint.HasHost() && !endpoint.gateways.empty()) return ToString(endpoint.gateways.front());
  std::string links;
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.HasHost()) continue;
    const auto network = TRY(w_.networks->Get(endpoint.network_id));
    const std::string link = IsUnmanaged(*network) ? network->bridge : ParentOf(*network);
    std::vector<IpPrefix> addresses = TRY(net::AddressesOf(link));
    std::ranges::stable_sort(addresses, {}, [](const IpPrefix& one) { return one.address.v6; });
    if (!addresses.empty()) return ToString(addresses.front().address);
    links += (links.empty() ? "'" : ", '") + link + "' of network " + network->name;
  }
  return Error(Code::kFailedPrecondition, "host-gateway is not known: the host has no address on " +
                                              (links.empty() ? "its networks" : links))
      .Hint("--add-host NAME:ADDRESS says which it is");
}

Result<std::string> Containers::HostsText(const ContainerRecord& record,
                                          const std::vector<Endpoint>& endpoints) {
  const HostConfig& host = record.create.host_config;
  net::HostsInput hosts;
  hosts.hostname = record.create.config.hostname.empty() ? w_.host->name : record.create.config.hostname;
  hosts.domainname = record.create.config.domainname;
  for (const Endpoint& endpoint : endpoints)
    for (const IpPrefix& one : endpoint.addresses)
      if (!one.address.IsLinkLocal()) hosts.addresses.push_back(one.address);
  const std::optional<Ip> gateway = OutwardGateway(record, endpoints);
  for (const std::string& entry : host.extra_hosts) {
    auto extra = TRY(net::ParseExtraHost(entry));
    if (extra.second == "host-gateway")
      extra.second = gateway ? ToString(*gateway) : TRY(AddressOfHost(endpoints));
    hosts.extra.push_back(std::move(extra));
  }
  for (const LinkedContainer& link : LinksOf(record)) hosts.extra.emplace_back(LinkHostNames(link), link.address);
  if (auto text = os::ReadFile("/etc/hosts", kMaxFile); host.network_mode == "host" && text.ok()) {
    std::string copy = std::move(text).value();
    for (const auto& [name, address] : hosts.extra) copy += address + "\t" + name + "\n";
    return copy;
  }
  if (gateway) AddHostNames(*gateway, hosts);
  return net::RenderHosts(hosts);
}

net::ResolvInput Containers::ResolverOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  const HostConfig& host = record.create.host_config;
  net::ResolvInput resolv;
  resolv.own_namespace = host.network_mode != "host";
  resolv.own_resolver = HasNames(endpoints);
  if (auto text = os::ReadFile("/etc/resolv.conf", kMaxFile); text.ok())
    resolv.host_text = std::move(text).value();
  if (resolv.own_namespace && !resolv.own_resolver && net::PreferResolvedUpstream(resolv.host_text)) {
    auto text = os::ReadFile("/run/systemd/resolve/resolv.conf", kMaxFile);
    if (text.ok()) resolv.host_text = std::move(text).value();
  }
  resolv.nameservers = host.dns.empty() ? w_.config()->dns : host.dns;
  resolv.search = host.dns_search;
  resolv.options = host.dns_options;
  return resolv;
}

bool Containers::HasNames(const std::vector<Endpoint>& endpoints) {
  return std::ranges::any_of(endpoints, [&](const Endpoint& endpoint) {
    const auto network = w_.networks->Get(endpoint.network_id);
    return network.ok() && !network.value()->predefined;
  });
}

std::vector<std::string> Containers::NamesIn(const ContainerRecord& record, const NetworkRecord& network) {
  std::vector<std::string> names = {record.name};
  for (const auto& [name, settings] : record.create.endpoints) {
    if (name != network.name && name != network.id) continue;
    names.insert(names.end(), settings.aliases.begin(), settings.aliases.end());
  }
  names.push_back(ShortId(record.id));
  if (!record.create.config.hostname.empty()) names.push_back(record.create.config.hostname);
  std::vector<std::string> once;
  for (const std::string& name : names) {
    if (std::ranges::find(once, name) == once.end()) once.push_back(name);
  }
  return once;
}

dns::Membership Containers::MembershipIn(const ContainerRecord& record, const NetworkRecord& network,
                                         const IpPrefix& address) {
  return {network.id, network.name, address, NamesIn(record, network), LinksIn(record, network)};
}

Result<dns::Endpoint> Containers::NamesOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  dns::Endpoint names;
  names.id = record.id;
  names.names = {record.name};
  for (const Endpoint& endpoint : endpoints) {
    const auto network = TRY(w_.networks->Get(endpoint.network_id));
    if (network->predefined) continue;
    // One for each address; a link-local one is nobody's business.
    for (const IpPrefix& address : endpoint.addresses)
      if (!address.address.IsLinkLocal())
        names.networks.push_back(MembershipIn(record, *network, address));
  }
  names.services = ServicesOf(record.create.config.exposed_ports);
  names.internal = std::ranges::all_of(endpoints, &Endpoint::internal);
  const net::ResolvInput resolver = ResolverOf(record, endpoints);
  names.keeps_single_labels = net::KeepsSingleLabels(resolver);
  for (const std::string& server : net::ServersToAsk(resolver)) names.servers.push_back(TRY(dns::ParseServer(server)));
  return names;
}

Status Containers::WriteNameFiles(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  if (!JoinedContainer(record.create.host_config.network_mode).empty()) return Ok();  // it has the other one's
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(record.id), O_RDONLY | O_DIRECTORY));
  const std::string hosts = TRY(HostsText(record, endpoints));
  const std::string& hostname = record.create.config.hostname;
  TRY(os::ReplaceFile({folder.get()}, "hostname", (hostname.empty() ? w_.host->name : hostname) + "\n",
                      0644));
  TRY(os::ReplaceFile({folder.get()}, "hosts", hosts, 0644));
  return os::ReplaceFile({folder.get()}, "resolv.conf", net::RenderResolvConf(ResolverOf(record, endpoints)), 0644);
}

Status Containers::TellNames(const ContainerPtr& container) {
  ContainerRecord record;
  std::vector<Endpoint> endpoints;
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    record = data->record;
    endpoints = data->state.endpoints;
    link = data->link;
  }
  if (!link || !HasNames(endpoints)) return Ok();
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(record.id), O_RDONLY | O_DIRECTORY));
  const std::string bytes = TRY(os::ReadFileAt({folder.get()}, "plan", plan::kMaxEncodedPlan));
  plan::Plan plan = TRY(plan::Decode(bytes));
  if (IsOnCni(endpoints)) {
    TRY(TellCniNames(record, endpoints, plan));
  } else {
    const dns::Endpoint names = TRY(NamesOf(record, endpoints));
    for (plan::Step& step : plan.steps) {
      if (step.op == plan::Op::kServeNames) step.blob = dns::Encode(names);
    }
  }
  // The monitor's next run is of this plan, too.
  TRY(os::ReplaceFile({folder.get()}, "plan", plan::Encode(plan), 0600));
  TRY(link->Call(monitorapi::TellNames{}, {}, kTellPatience));
  return Ok();
}

}  // namespace estiba::engine
