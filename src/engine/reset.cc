#include "engine/reset.h"

#include <algorithm>
#include <cerrno>
#include <future>

#include <fcntl.h>
#include <unistd.h>

#include "cgroup/hierarchy.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

// All that an engine has in its data root, but for its lock. The database goes first: without it nothing is
// believed to be there, and what is left when this is killed is cleared by the next one.
constexpr const char* kData[] = {"estiba.db", "estiba.db-wal", "estiba.db-shm", "containers", "snapshots",
                                 "content",   "volumes",       "cni",           "apparmor"};
constexpr const char* kLock = "engine.lock";
constexpr const char* kLog = "estibad.log";
constexpr const char* kRun[] = {"c", "net", "cni", "host", "uplink", "userns.lock"};
constexpr int kMostLogs = 100;

struct First {
  Status failure = Ok();
  void Keep(Status status, const std::function<void(const std::string&)>& say) {
    if (status.ok()) return;
    say("not removed: " + status.error().Message());
    if (failure.ok()) failure = std::move(status);
  }
};

Status RemoveOne(Engine& engine, const std::string& id) {
  std::promise<Status> done;
  RemoveRequest request;
  request.force = true;
  request.volumes = true;
  engine.RemoveContainer(id, request, [&done](Status status) { done.set_value(std::move(status)); });
  Status removed = done.get_future().get();
  if (!removed.ok() && removed.error().code() == Code::kNotFound) return Ok();
  return removed;
}

Status DeleteIn(os::DirFd folder, const std::string& name) {
  Status deleted = os::DeleteTree(folder, name);
  if (!deleted.ok() && deleted.error().errnum() == ENOENT) return Ok();
  return deleted;
}

// A folder that has something else in it stays, and so does one that is a mount.
void DeleteFolder(const std::string& path) { (void)::rmdir(path.c_str()); }

Status DeleteNamed(const std::string& path, const std::vector<std::string>& names) {
  const auto folder = os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder.ok()) return folder.error().errnum() == ENOENT ? Ok() : Status(folder.error().Clone());
  for (const std::string& name : names) TRY(DeleteIn({folder->get()}, name));
  return Ok();
}

// Cgroups of containers went with them: only empty ones can be removed.
void DeleteCgroups(const std::string& parent) {
  const auto groups = cgroup::Probe();
  if (!groups.ok()) return;
  const std::string path = groups->Resolve(parent);
  for (const cgroup::Hierarchy& hierarchy : groups->hierarchies) DeleteFolder(hierarchy.mountpoint + path);
}

}  // namespace

Status RemoveEverything(Engine& engine, const std::function<void(const std::string&)>& say) {
  First first;
  ListRequest all;
  all.all = true;
  for (const apitypes::ContainerSummary& container : TRY(engine.ListContainers(all))) {
    const std::string name = container.names.empty() ? container.id : container.names.front().substr(1);
    Status removed = RemoveOne(engine, container.id);
    if (removed.ok()) say("container " + name);
    first.Keep(std::move(removed), say);
  }
  for (const apitypes::Network& network : TRY(engine.ListNetworks({}))) {
    if (network.driver == "cni") continue;  // a file of the host's
    Status removed = engine.RemoveNetwork(network.id);
    if (!removed.ok() && removed.error().code() == Code::kPermissionDenied)
      continue;  // there in every engine
    if (removed.ok()) say("network " + network.name);
    first.Keep(std::move(removed), say);
  }
  return std::move(first.failure);
}

Status DeleteEverything(const Config& config, const std::function<void(const std::string&)>& say) {
  std::vector<std::string> data(std::begin(kData), std::end(kData));
  data.emplace_back(kLog);
  for (int i = 1; i < kMostLogs; ++i) data.push_back(kLog + ("." + std::to_string(i)));
  TRY_CTX(DeleteNamed(config.data_root, data), "delete what is in '" + config.data_root + "'");
  std::vector<std::string> run(std::begin(kRun), std::end(kRun));
  TRY_CTX(DeleteNamed(config.run_root, run), "delete what is in '" + config.run_root + "'");
  DeleteCgroups(config.cgroup_parent);
  DeleteFolder(config.run_root);
  say(config.data_root);
  TRY(DeleteNamed(config.data_root, {kLock}));
  DeleteFolder(config.data_root);
  return Ok();
}

}  // namespace estiba::engine
