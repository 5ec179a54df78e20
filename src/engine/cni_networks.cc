// Networks of the host's CNI configuration: what its files say, as networks of this engine's. They are the
// administrator's, and are neither recorded nor made here.

#include <algorithm>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "codec/sha256.h"
#include "names.h"
#include "networks.h"

namespace estiba::engine {
namespace {

// The same as long as the network is called so, whichever file describes it.
std::string IdOf(const std::string& name) {
  codec::Sha256 hash;
  hash.Update("estiba CNI network " + name);
  return hash.HexDigest();
}

std::string ChangedAt(const std::string& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return FormatRfc3339(
      WallTime(std::chrono::seconds(found.st_mtim.tv_sec) + std::chrono::nanoseconds(found.st_mtim.tv_nsec)));
}

std::shared_ptr<const NetworkRecord> RecordOf(const cni::NetworkFile& described) {
  NetworkRecord record;
  record.id = IdOf(described.list.name);
  record.name = described.list.name;
  record.driver = kCni;
  record.created = ChangedAt(described.file);
  std::vector<std::string> plugins;
  for (const cni::Plugin& plugin : described.list.plugins) plugins.push_back(plugin.type);
  record.options = {{"cni.file", described.file},
                    {"cni.plugins", Join(plugins, ", ")},
                    {"cni.version", std::string(cni::ToString(described.list.version))}};
  return std::make_shared<const NetworkRecord>(std::move(record));
}

// What people call a file: "10-web.conflist", "10-web" or "web".
bool IsCalled(const std::string& file, std::string_view name) {
  std::string_view base = std::string_view(file).substr(file.rfind('/') + 1);
  if (base == name) return true;
  base = base.substr(0, base.rfind('.'));
  if (base == name) return true;
  const std::size_t rank = base.find_first_not_of("0123456789");
  return rank != 0 && rank != std::string_view::npos && base[rank] == '-' && base.substr(rank + 1) == name;
}

}  // namespace

cni::Folder Networks::LookAtCni() const {
  if (!cni_.enabled) return {};
  cni::Folder folder = cni::LoadFolder(cni_.conf_dir);
  const auto own = Recorded();
  for (auto described = folder.networks.begin(); described != folder.networks.end();) {
    const std::string& name = described->list.name;
    const auto same = [&](const auto& network) { return network->name == name; };
    if (std::ranges::none_of(own, same) && name != "default") {
      ++described;
      continue;
    }
    folder.broken.emplace_back(described->file,
                               Error(Code::kAlreadyExists, "a network '" + name + "' is there already"));
    described = folder.networks.erase(described);
  }
  return folder;
}

std::vector<std::shared_ptr<const NetworkRecord>> Networks::OfCni() const {
  std::vector<std::shared_ptr<const NetworkRecord>> all;
  for (const cni::NetworkFile& described : LookAtCni().networks) all.push_back(RecordOf(described));
  return all;
}

Result<cni::NetworkFile> Networks::GetCni(const NetworkRecord& network) const {
  cni::Folder folder = LookAtCni();
  for (cni::NetworkFile& described : folder.networks) {
    if (described.list.name == network.name) return std::move(described);
  }
  return NotFound(network.name);
}

Error Networks::NotFound(std::string_view name) const {
  const std::string what = "network " + std::string(name) + " not found";
  for (const auto& [file, why] : LookAtCni().broken) {
    if (IsCalled(file, name)) return {Code::kNotFound, what + ": '" + file + "' cannot be used: " + why.Message()};
  }
  return {Code::kNotFound, what};
}

Result<Endpoint> Networks::CniEndpoint(const NetworkRecord& network, const EndpointRequest& request,
                                       const std::string& container_id, unsigned index) {
  Endpoint endpoint;
  endpoint.network_id = network.id;
  endpoint.id = TRY(MakeId());
  endpoint.driver = kCni;
  endpoint.host_ifname = LinkName(container_id, index);
  endpoint.container_ifname = "eth" + std::to_string(index);
  if (!request.mac.empty()) endpoint.mac = TRY(net::ParseMac(request.mac));
  return endpoint;
}

}  // namespace estiba::engine
