// Namespaces that a container shares with another, and what comes with a shared network.

#include "../spec/network_mode.h"
#include "base/parse.h"
#include "containers.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

constexpr int kMostShares = 64;  // a container may share the network of one that shares another's, and so on

// Of "/proc/PID/ns/net".
Result<std::uint64_t> InodeOf(const std::string& path) {
  const std::string text = TRY(os::ReadLink(path));  // "net:[4026532177]"
  const std::size_t open = text.find('[');
  if (open == std::string::npos || !text.ends_with(']'))
    return Error(Code::kDataLoss, "'" + path + "' is no namespace");
  return ParseUint(text.substr(open + 1, text.size() - open - 2));
}

}  // namespace

Result<int> Containers::JoinedPid(const std::string& kind, const std::string& mode) {
  const ContainerPtr other = TRY(Get(JoinedContainer(mode)));
  auto data = other->data.Lock();
  if (data->state.pid != 0) return data->state.pid;
  if (kind == "network")
    return Error(Code::kConflict, "cannot join network of a non running container: " + data->record.id);
  return Error(Code::kConflict, "cannot join a container that is not running: " + data->record.name);
}

Result<std::vector<plan::KnownNamespace>> Containers::KnownNamespaces(const ContainerRecord& record,
                                                                      const SpecContext& context) {
  using oci::NamespaceType;
  std::vector<plan::KnownNamespace> known;
  const auto add = [&](const char* key, const char* file, NamespaceType type) -> Status {
    const auto joined = context.joined.find(key);
    if (joined == context.joined.end()) return Ok();
    const std::uint64_t inode = TRY(InodeOf("/proc/" + std::to_string(joined->second) + "/ns/" + file));
    known.push_back({type, inode});
    return Ok();
  };
  TRY(add("pid", "pid", NamespaceType::kPid));
  TRY(add("ipc", "ipc", NamespaceType::kIpc));
  TRY(add("network", "net", NamespaceType::kNetwork));
  if (!context.joined.contains("network")) return known;
  // The other container may have the host's network.
  const std::uint64_t hosts = TRY(InodeOf("/proc/self/ns/net"));
  for (const auto& [key, value] : record.create.host_config.sysctls) {
    if (known.back().inode == hosts && key.starts_with("net."))
      return Error(Code::kInvalidArgument, "sysctl '" + key + "' is not allowed in the host's network namespace");
  }
  return known;
}

Result<std::string> Containers::NameFilesFolder(const ContainerRecord& record) {
  std::string id = record.id;
  std::string mode = record.create.host_config.network_mode;
  for (int i = 0; i < kMostShares; ++i) {
    const std::string other = JoinedContainer(mode);
    if (other.empty()) return Folder(id);
    const ContainerPtr shared = TRY(Get(other));
    id = shared->id;
    mode = shared->data.Lock()->record.create.host_config.network_mode;
  }
  return Error(Code::kInvalidArgument, "container '" + record.name + "': networks are shared in too long a row");
}

Status Containers::ShareHostname(ContainerRecord& record) {
  const std::string other = JoinedContainer(record.create.host_config.network_mode);
  if (other.empty()) return Ok();
  const ContainerPtr shared = TRY(Get(other));
  auto data = shared->data.Lock();
  record.create.config.hostname = data->record.create.config.hostname;
  record.create.config.domainname = data->record.create.config.domainname;
  return Ok();
}

}  // namespace estiba::engine
