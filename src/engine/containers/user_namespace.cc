// Which ids a container's user namespace has, and which project of the quotas its files are.

#include "../spec/validate.h"
#include "containers.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

Error Incompatible(const std::string& what) {
  return Error(Code::kInvalidArgument, what).Hint("run it with --userns=host");
}

// In docker's words: what is shared with the host would not be the container's to use.
Status CheckShared(const HostConfig& host) {
  if (host.privileged) {
    return Incompatible("privileged mode is incompatible with user namespaces.  You must run the container in the host "
                        "namespace when running privileged mode");
  }
  if (host.network_mode == "host")
    return Incompatible("cannot share the host's network namespace when user namespaces are enabled");
  if (host.pid_mode == "host")
    return Incompatible("cannot share the host PID namespace when user namespaces are enabled");
  if (host.ipc_mode == "host")
    return Incompatible("cannot share the host's IPC namespace when user namespaces are enabled");
  return Ok();
}

// Far from those that people number by hand.
constexpr std::uint32_t kFirstProject = 0x20000000;

}  // namespace

Result<bool> Containers::WantsUserNamespace(const HostConfig& host) const {
  const UsernsRequest request = TRY(ParseUserns(host.userns_mode));
  if (request.kind == UsernsRequest::Kind::kHost) return false;
  if (request.kind == UsernsRequest::Kind::kDefault && !w_.config()->userns_auto) return false;
  if (w_.config()->rootless) {
    return Error(Code::kFailedPrecondition, "--userns=" + host.userns_mode + ": id-mapped layers need CAP_SYS_ADMIN "
                                            "over their file system, which nobody has in a user's own engine")
        .Hint("a user's containers are in the user's own user namespace already; run as root for one each");
  }
  TRY(CheckShared(host));
  return true;
}

Status Containers::AllocateIds(ContainerRecord& record) {
  const bool wanted = TRY(WantsUserNamespace(record.create.host_config));
  if (!wanted) return Ok();
  UsernsRequest request = TRY(ParseUserns(record.create.host_config.userns_mode));
  if (request.kind == UsernsRequest::Kind::kMaps) {
    record.ids = std::move(request.maps);
    return Ok();
  }
  std::vector<IdMaps> taken;
  for (const ContainerPtr& other : AllAndBeingMade()) {
    auto data = other->data.Lock();
    if (other->id != record.id && !data->record.ids.empty()) taken.push_back(data->record.ids);
  }
  const IdPool pool = TRY(ParseIdPool(w_.config()->userns_ids));
  record.ids = TRY(FindFreeIds(pool, request.size, taken));
  return Ok();
}

Status Containers::AllocateProject(ContainerRecord& record) {
  const std::uint64_t bytes = TRY(SizeLimit(record.create.host_config));
  if (bytes == 0) return Ok();
  if (w_.config()->rootless)
    return Error(Code::kFailedPrecondition, "--storage-opt size: quotas are root's to set, not a user's own engine's");
  TRY_CTX(w_.snapshots->CheckLimits(), "--storage-opt size");
  std::vector<std::uint32_t> taken;
  for (const ContainerPtr& other : AllAndBeingMade()) taken.push_back(other->data.Lock()->record.project);
  record.project = TRY_CTX(w_.snapshots->FindProject(kFirstProject, taken), "--storage-opt size");
  return Ok();
}

}  // namespace estiba::engine
