// Containers on networks that CNI plugins see to: what estiba-cni is asked for, and what it has noted.

#include <algorithm>

#include <unistd.h>

#include "../cni_arguments.h"
#include "../endpoint_options.h"
#include "../spec/network_mode.h"
#include "../warn.h"
#include "base/log.h"
#include "cni/attach.h"
#include "cni/leaf.h"
#include "containers.h"
#include "os/file.h"
#include "plan/wire.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;
using apitypes::EndpointSettings;
using apitypes::HostConfig;

Error Bad(std::string what) { return {Code::kInvalidArgument, std::move(what)}; }

bool Publishes(const HostConfig& host) { return !host.port_bindings.empty() || host.publish_all_ports; }

std::vector<std::string> WantedIps(const EndpointSettings& settings) {
  std::vector<std::string> ips;
  if (!settings.ipam_config) return ips;
  for (const std::string& ip : {settings.ipam_config->ipv4_address, settings.ipam_config->ipv6_address}) {
    if (!ip.empty()) ips.push_back(ip);
  }
  return ips;
}

// Each run of a plugin as long as it may take (DEL of an earlier time, ADD, DEL after a failure), and waits for locks.
std::chrono::milliseconds MostTime(const cni::Record& record) {
  std::size_t runs = 2;
  for (const cni::Attachment& attachment : record.attachments) runs += 3 * attachment.list.plugins.size();
  return runs * record.timeout + 20s;
}

void Fill(const cni::Attachment& attachment, Endpoint& endpoint) {
  const cni::AddResult& result = *attachment.result;
  for (const cni::Address& address : cni::AddressesInside(result, attachment.invocation.ifname)) {
    endpoint.addresses.push_back(address.address);
    if (address.gateway && !endpoint.Gateway(address.gateway->v6)) endpoint.gateways.push_back(*address.gateway);
  }
  std::ranges::stable_sort(endpoint.addresses, {}, [](const IpPrefix& one) { return one.address.v6; });
  std::ranges::stable_sort(endpoint.gateways, {}, &Ip::v6);
  const auto inside = cni::FindInside(result, attachment.invocation.ifname);
  if (!inside) return;
  const auto mac = net::ParseMac(result.interfaces[*inside].mac);
  if (mac.ok()) endpoint.mac = *mac;
}

}  // namespace

bool IsOnCni(const std::vector<Endpoint>& endpoints) { return std::ranges::any_of(endpoints, &Endpoint::IsCni); }

Status Containers::CheckCniSettings(const NetworkRecord& network, const EndpointSettings& settings) {
  const cni::NetworkFile described = TRY(w_.networks->GetCni(network));
  const EndpointOptions options = TRY(ParseEndpointOptions(settings.driver_opts));
  if (!options.sysctls.empty())
    return Bad("network " + network.name + " takes no sysctls of an endpoint: the plugin 'tuning' sets some");
  if (settings.gw_priority != 0)
    return Bad("network " + network.name + " takes no gw-priority: its plugins decide on routes");
  if (settings.ipam_config && !settings.ipam_config->link_local_ips.empty())
    return Bad("network " + network.name + " takes no link-local addresses: its plugins decide on addresses");
  if (!settings.mac_address.empty()) {
    TRY(net::ParseMac(settings.mac_address));
    TRY(CheckCapability(described, kCniMac, "hardware addresses to choose"));
  }
  const std::vector<std::string> ips = WantedIps(settings);
  for (const std::string& ip : ips) TRY(ParseIp(ip));
  if (!ips.empty()) TRY(CheckCapability(described, kCniIps, "addresses to choose"));
  return Ok();
}

// `create.endpoints` are all of them, by name.
Status Containers::CheckCniUse(const ContainerRecord& record) {
  const HostConfig& host = record.create.host_config;
  std::vector<std::shared_ptr<const NetworkRecord>> ours;
  std::vector<std::shared_ptr<const NetworkRecord>> theirs;
  for (const auto& [name, settings] : record.create.endpoints) {
    auto network = w_.networks->Get(name);
    if (!network.ok()) continue;  // its start says so
    ((*network)->driver == kCni ? theirs : ours).push_back(std::move(*network));
  }
  if (theirs.empty()) return Ok();
  if (!ours.empty()) {
    return Bad("container cannot be connected to network " + theirs[0]->name + " of driver cni and to network " +
               ours[0]->name + " of driver " + ours[0]->driver);
  }
  for (const std::string& extra : host.extra_hosts) {
    if (extra.ends_with("host-gateway"))
      return Bad("host-gateway is not known on network " + theirs[0]->name + " of driver cni");
  }
  if (!record.create.config.mac_address.empty()) {
    const auto main = TRY(w_.networks->Get(host.network_mode));
    const cni::NetworkFile described = TRY(w_.networks->GetCni(*main));
    TRY(CheckCapability(described, kCniMac, "hardware addresses to choose"));
  }
  if (!Publishes(host)) return Ok();
  Status last = Ok();
  for (const auto& network : theirs) {
    const cni::NetworkFile described = TRY(w_.networks->GetCni(*network));
    last = CheckCapability(described, kCniPorts, "published ports");
    if (last.ok()) break;
  }
  return last;
}

// Their addresses are not known before.
std::optional<Endpoint> Containers::CniCarrier(const std::vector<Endpoint>& endpoints) {
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.IsCni()) continue;
    const auto network = w_.networks->Get(endpoint.network_id);
    if (!network.ok()) continue;
    const auto described = w_.networks->GetCni(**network);
    if (!described.ok() || !described->list.HasCapability(kCniPorts)) continue;
    Endpoint carrier = endpoint;
    carrier.addresses = {{Ip{false, {}}, 0}, {Ip{true, {}}, 0}};
    return carrier;
  }
  return std::nullopt;
}

Result<cni::Attachment> Containers::CniAttachment(const ContainerRecord& record, const Endpoint& endpoint,
                                                  const std::vector<net::PublishedPort>& ports) {
  const auto network = TRY(w_.networks->Get(endpoint.network_id));
  cni::NetworkFile described = TRY(w_.networks->GetCni(*network));
  const EndpointSettings& settings = record.SettingsIn(network->name);
  const HostConfig& host = record.create.host_config;
  CniWishes wishes;
  wishes.ports = ports;
  wishes.ips = WantedIps(settings);
  if (endpoint.mac != net::Mac{}) wishes.mac = net::ToString(endpoint.mac);
  wishes.aliases = settings.aliases;
  wishes.dns_servers = host.dns;
  wishes.dns_searches = host.dns_search;
  wishes.dns_options = host.dns_options;
  wishes.cgroup_path = CgroupPath(record);
  if (!wishes.ips.empty()) TRY(CheckCapability(described, kCniIps, "addresses to choose"));
  if (!wishes.mac.empty()) TRY(CheckCapability(described, kCniMac, "hardware addresses to choose"));
  cni::Attachment attachment;
  attachment.invocation.container = record.id;
  attachment.invocation.ifname = endpoint.container_ifname;
  attachment.invocation.capability_args = CapabilityArgs(wishes);
  attachment.file = std::move(described.file);
  attachment.list = std::move(described.list);
  return attachment;
}

// What is told of the container's names once the plugins have said its addresses.
Result<dns::Endpoint> Containers::CniNamesOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  dns::Endpoint names = TRY(NamesOf(record, endpoints));
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.IsCni() || !endpoint.addresses.empty()) continue;
    const auto network = TRY(w_.networks->Get(endpoint.network_id));
    names.networks.push_back(MembershipIn(record, *network, {}));
  }
  return names;
}

Result<plan::CniAttachments> Containers::PlanCni(const ContainerRecord& record, const std::vector<Endpoint>& endpoints,
                                                 const std::vector<net::PublishedPort>& ports) {
  const auto config = w_.config();
  cni::AttachRequest request;
  request.record.container = record.id;
  request.record.netns = config->run_root + "/cni/" + record.id;
  request.record.bin_dirs = config->cni.bin_dirs;
  request.record.timeout = std::chrono::seconds(config->cni.timeout);
  plan::CniAttachments made;
  const auto carrier = CniCarrier(endpoints);
  if (!ports.empty() && !carrier) return Bad("container " + record.name + " is on no network that publishes ports");
  for (const Endpoint& endpoint : endpoints) {
    const bool carries = carrier && carrier->id == endpoint.id;
    request.record.attachments.push_back(
        TRY(CniAttachment(record, endpoint, carries ? ports : std::vector<net::PublishedPort>())));
    made.networks.push_back(request.record.attachments.back().list.name);
  }
  const apitypes::ContainerConfig& own = record.create.config;
  request.hosts.path = Folder(record.id) + "/hosts";
  request.hosts.text = TRY(HostsText(record, endpoints));
  request.hosts.names = net::HostNames(own.hostname.empty() ? w_.host->name : own.hostname, own.domainname);
  const dns::Endpoint names = TRY(CniNamesOf(record, endpoints));
  request.names = {NamesFolder() + "/" + record.id, dns::Encode(names), record.create.host_config.dns.empty()};
  made.program = w_.cni_program;
  made.records = CniFolder();
  made.container = record.id;
  made.request = request.Encode();
  made.patience = MostTime(request.record);
  return made;
}

std::chrono::milliseconds CniPatience(const plan::Plan& plan) {
  const auto step = std::ranges::find(plan.steps, plan::Op::kCniAdd, &plan::Step::op);
  return std::chrono::milliseconds(step == plan.steps.end() ? 0 : step->numbers.at(0));
}

std::optional<cni::Record> Containers::ReadCni(const std::string& id) const {
  const auto text = os::ReadFile(CniFolder() + "/" + id + ".json");
  if (!text.ok()) return std::nullopt;
  auto record = cni::ParseRecord(*text);
  if (record.ok()) return std::move(*record);
  log::Warn("read what is attached", {{"id", id}, {"error", record.error().Message()}});
  return std::nullopt;
}

void Containers::FillCni(const std::string& id, ContainerState& state) const {
  if (!IsOnCni(state.endpoints)) return;
  const auto record = ReadCni(id);
  if (!record) return;
  for (Endpoint& endpoint : state.endpoints) {
    const auto same = [&](const cni::Attachment& one) {
      return one.result && one.invocation.ifname == endpoint.container_ifname;
    };
    const auto attachment = std::ranges::find_if(record->attachments, same);
    if (endpoint.IsCni() && attachment != record->attachments.end()) Fill(*attachment, endpoint);
  }
  // A plugin publishes for the families that the container has.
  std::erase_if(state.ports, [&](net::PublishedPort& port) {
    for (const Endpoint& endpoint : state.endpoints) {
      const auto address = endpoint.Address(port.host_ip.v6);
      if (!address) continue;
      port.container_ip = address->address;
      return false;
    }
    return true;
  });
}

Status Containers::TellCniNames(const ContainerRecord& record, const std::vector<Endpoint>& endpoints,
                                plan::Plan& plan) {
  ContainerState filled;
  filled.endpoints = endpoints;
  FillCni(record.id, filled);
  const dns::Endpoint empty = TRY(CniNamesOf(record, endpoints));
  dns::Endpoint names = TRY(CniNamesOf(record, filled.endpoints));
  if (const auto added = ReadCni(record.id)) cni::FillNames(*added, record.create.host_config.dns.empty(), names);
  for (plan::Step& step : plan.steps) {
    if (step.op == plan::Op::kServeNames) step.blob = dns::Encode(names);
    if (step.op != plan::Op::kCniAdd) continue;
    // Of the monitor's next run.
    cni::AttachRequest request = TRY(cni::ParseAttachRequest(step.blob));
    request.names.text = dns::Encode(empty);
    step.blob = request.Encode();
  }
  return Ok();
}

bool Containers::MayBeAttached(const std::string& id) {
  const auto container = Get(id);
  if (!container.ok()) return false;
  auto data = (*container)->data.Lock();
  return data->link != nullptr || data->concluding || data->state.Running() ||
         data->state.phase == Phase::kStarting || !data->state.endpoints.empty();
}

Status Containers::RunCniClear(const cni::GarbageRequest& request) {
  std::size_t runs = 4;
  for (const cni::NetworkList& list : request.networks) runs += list.plugins.size();
  constexpr std::size_t kRunsOfOne = 16;
  runs += request.stale.size() * kRunsOfOne;
  if (w_.before_spawn) w_.before_spawn();
  return cni::RunLeaf(w_.cni_program, {"clear", CniFolder()}, request.Encode(), runs * request.timeout, w_.log_fd);
}

Status Containers::AskCniStatus(const NetworkRecord& network) {
  const auto config = w_.config();
  cni::GarbageRequest request;
  request.bin_dirs = config->cni.bin_dirs;
  request.timeout = std::chrono::seconds(config->cni.timeout);
  request.networks.push_back(TRY(w_.networks->GetCni(network)).list);
  const std::size_t runs = 2 * request.networks[0].plugins.size() + 1;  // VERSION and STATUS of each
  if (w_.before_spawn) w_.before_spawn();
  return cni::RunLeaf(w_.cni_program, {"status"}, request.Encode(), runs * request.timeout, w_.log_fd);
}

Status Containers::CheckCni(const std::string& id) {
  const auto record = ReadCni(id);
  if (!record) return Error(Code::kNotFound, "it is attached to no CNI network");
  if (w_.before_spawn) w_.before_spawn();
  return cni::RunLeaf(w_.cni_program, {"check", CniFolder(), id}, "", MostTime(*record), w_.log_fd);
}

// What containers that are gone have left, of this engine's time or of an earlier one's, the host's last included.
Status Containers::ClearCni() {
  const auto config = w_.config();
  const bool used = ::access(CniFolder().c_str(), F_OK) == 0;
  if (!used) return Ok();
  const cni::Records records = TRY(cni::Records::Open(CniFolder()));
  const std::vector<cni::Record> found = TRY(records.List());
  cni::GarbageRequest request;
  request.bin_dirs = config->cni.bin_dirs;
  request.timeout = std::chrono::seconds(config->cni.timeout);
  for (const cni::Record& record : found) {
    if (!MayBeAttached(record.container)) request.stale.push_back({record.container, record.serial});
  }
  for (cni::NetworkFile& described : w_.networks->LookAtCni().networks) {
    if (described.list.version >= cni::Version::k110) request.networks.push_back(std::move(described.list));
  }
  if (request.stale.empty() && request.networks.empty()) return Ok();
  return RunCniClear(request);
}

void Containers::ClearCniLater() {
  for (const auto& [file, why] : w_.networks->LookAtCni().broken)
    log::Warn("a CNI configuration cannot be used", {{"file", file}, {"error", why.Message()}});
  w_.workers->Submit([this] { WarnIf(ClearCni(), "clear what CNI plugins have left", ""); });
}

// When its monitor could not take everything back.
void Containers::ForgetCni(const std::string& id) {
  const auto record = ReadCni(id);
  if (!record) return;
  const auto config = w_.config();
  cni::GarbageRequest request;
  request.bin_dirs = config->cni.bin_dirs;
  request.timeout = std::chrono::seconds(config->cni.timeout);
  request.stale.push_back({id, record->serial});
  WarnIf(RunCniClear(request), "take back what CNI plugins have made", id);
}

}  // namespace estiba::engine
