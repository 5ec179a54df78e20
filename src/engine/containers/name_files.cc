// /etc/hostname, /etc/hosts and /etc/resolv.conf of containers. Members of a network that a user made know
// each other by name: the engine writes them into each other's hosts file as they come and go.

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "../names.h"
#include "../warn.h"
#include "containers.h"
#include "net/files.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

constexpr std::size_t kMaxFile = 1 << 20;

// In place: the container's mount is of this very file. Longer text first, so that a reader never finds it
// empty.
Status Rewrite(const std::string& path, const std::string& text) {
  const os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, path, O_WRONLY | O_NOFOLLOW));
  TRY(os::WriteAll(file.get(), text));
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0)
    return Error::Errno(errno, "shorten '" + path + "'");
  return Ok();
}

}  // namespace

std::string Containers::PeerLines(const std::string& id, const std::vector<Endpoint>& endpoints) {
  std::string lines;
  for (const Endpoint& own : endpoints) {
    const auto network = w_.networks->Get(own.network_id);
    // On the default bridge names are not shared, as docker has it.
    if (!network.ok() || network.value()->predefined) continue;
    for (const ContainerPtr& other : All()) {
      auto data = other->data.Lock();
      if (other->id == id) continue;
      for (const Endpoint& endpoint : data->state.endpoints) {
        if (endpoint.network_id != own.network_id) continue;
        lines += net::ToString(endpoint.address) + "\t" + data->record.name + " " + ShortId(other->id);
        for (const auto& [name, settings] : data->record.create.endpoints) {
          if (name != network.value()->name && name != network.value()->id) continue;
          for (const std::string& alias : settings.aliases) lines += " " + alias;
        }
        lines += "\n";
      }
    }
  }
  return lines;
}

Result<std::string> Containers::HostsText(const ContainerRecord& record,
                                          const std::vector<Endpoint>& endpoints) {
  const HostConfig& host = record.create.host_config;
  net::HostsInput hosts;
  hosts.hostname = record.create.config.hostname.empty() ? w_.host->name : record.create.config.hostname;
  hosts.domainname = record.create.config.domainname;
  for (const Endpoint& endpoint : endpoints) hosts.addresses.push_back(endpoint.address);
  for (const std::string& entry : host.extra_hosts) {
    auto extra = TRY(net::ParseExtraHost(entry));
    if (extra.second == "host-gateway") {
      extra.second = endpoints.empty() ? "127.0.0.1" : net::ToString(endpoints[0].gateway);
    }
    hosts.extra.push_back(std::move(extra));
  }
  if (auto text = os::ReadFile("/etc/hosts", kMaxFile); host.network_mode == "host" && text.ok()) {
    std::string copy = std::move(text).value();
    for (const auto& [name, address] : hosts.extra) copy += address + "\t" + name + "\n";
    return copy;
  }
  return net::RenderHosts(hosts) + PeerLines(record.id, endpoints);
}

std::string Containers::ResolvText(const ContainerRecord& record) {
  const HostConfig& host = record.create.host_config;
  net::ResolvInput resolv;
  resolv.own_namespace = host.network_mode != "host";
  if (auto text = os::ReadFile("/etc/resolv.conf", kMaxFile); text.ok())
    resolv.host_text = std::move(text).value();
  if (resolv.own_namespace && net::PreferResolvedUpstream(resolv.host_text)) {
    auto text = os::ReadFile("/run/systemd/resolve/resolv.conf", kMaxFile);
    if (text.ok()) resolv.host_text = std::move(text).value();
  }
  resolv.nameservers = host.dns.empty() ? w_.config()->dns : host.dns;
  resolv.search = host.dns_search;
  resolv.options = host.dns_options;
  return net::RenderResolvConf(resolv);
}

Status Containers::WriteNameFiles(const ContainerRecord& record, const std::vector<Endpoint>& endpoints) {
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(record.id), O_RDONLY | O_DIRECTORY));
  const std::string other = JoinedContainer(record.create.host_config.network_mode);
  if (!other.empty()) {
    const ContainerPtr shared = TRY(Get(other));
    for (const char* name : {"hostname", "hosts", "resolv.conf"}) {
      const std::string text = TRY(os::ReadFile(Folder(shared->id) + "/" + name, kMaxFile));
      TRY(os::ReplaceFile({folder.get()}, name, text, 0644));
    }
    return Ok();
  }
  const std::string hosts = TRY(HostsText(record, endpoints));
  const std::string& hostname = record.create.config.hostname;
  TRY(os::ReplaceFile({folder.get()}, "hostname", (hostname.empty() ? w_.host->name : hostname) + "\n",
                      0644));
  TRY(os::ReplaceFile({folder.get()}, "hosts", hosts, 0644));
  return os::ReplaceFile({folder.get()}, "resolv.conf", ResolvText(record), 0644);
}

void Containers::TellPeers(const std::string& id, const std::vector<Endpoint>& endpoints) {
  std::set<std::string> shared;
  for (const Endpoint& endpoint : endpoints) {
    const auto network = w_.networks->Get(endpoint.network_id);
    if (network.ok() && !network.value()->predefined) shared.insert(endpoint.network_id);
  }
  if (shared.empty()) return;
  // One at a time: a file that two wrote into at once would be neither's, and the older text must not come last.
  const std::lock_guard order(name_files_);
  for (const ContainerPtr& peer : All()) {
    ContainerRecord record;
    std::vector<Endpoint> own;
    {
      auto data = peer->data.Lock();
      record = data->record;
      own = data->state.endpoints;
    }
    const auto member = [&](const Endpoint& endpoint) { return shared.contains(endpoint.network_id); };
    if (peer->id == id || std::none_of(own.begin(), own.end(), member)) continue;
    const auto text = HostsText(record, own);
    if (text.ok())
      WarnIf(Rewrite(Folder(peer->id) + "/hosts", text.value()), "rewrite a hosts file", record.name);
  }
}

}  // namespace estiba::engine
