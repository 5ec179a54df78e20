// Where the files of a container are, for `cp`: the root of one that runs, what to mount of one that does not.

#include <chrono>
#include <csignal>

#include <fcntl.h>

#include "base/log.h"
#include "containers.h"
#include "os/file.h"
#include "os/process.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;
constexpr int kMostTurns = 5;  // it may start and end while we look

std::vector<image::IdRange> RangesOf(const std::vector<oci::IdMapping>& maps) {
  std::vector<image::IdRange> out;
  for (const oci::IdMapping& map : maps) out.push_back({map.container_id, map.host_id, map.size});
  return out;
}

Error Ended(const std::string& id) {
  return Error(Code::kConflict, "container " + id + " has ended while its files were looked for").Hint("try again");
}

}  // namespace

// What it shows is its own, and may change at any moment. That it is its process whose root is opened, and nobody's who
// got the number since, the pidfd says.
Result<os::UniqueFd> Containers::OpenRootOf(const std::string& id, pid_t pid, std::uint64_t start_time) {
  const auto process = os::OpenProcess(pid, start_time);
  if (!process.ok()) return Ended(id);
  auto root = os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/root", O_RDONLY | O_DIRECTORY);
  const bool alive = os::SendSignal(process->get(), 0).ok();
  if (root.ok() && alive) return root;
  if (root.ok() || root.error().errnum() == ENOENT || root.error().errnum() == ESRCH) return Ended(id);
  return std::move(root).error().Context("open the root of container " + id);
}

Result<std::optional<Containers::View>> Containers::ViewOfRunning(const ContainerPtr& container) {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  View view;
  {
    auto data = container->data.Lock();
    const bool runs = data->state.phase == Phase::kRunning || data->state.phase == Phase::kPaused;
    if (!runs || data->concluding || data->state.pid == 0) return std::optional<View>();
    pid = data->state.pid;
    start_time = data->state.start_time;
    view.path.uids = RangesOf(data->record.ids.uids);
    view.path.gids = RangesOf(data->record.ids.gids);
    view.user = data->record.create.config.user;
  }
  view.path.running = true;
  view.root = TRY(OpenRootOf(container->id, pid, start_time));
  return std::optional<View>(std::move(view));
}

Result<image::ViewMount> Containers::MountInView(const MountPoint& point) {
  image::ViewMount mount;
  mount.target = point.target;
  mount.subpath = point.subpath;
  mount.read_only = point.read_only;
  mount.recursive = point.recursive;
  mount.source = point.source;
  if (point.kind == MountPoint::Kind::kBind) mount.optional = point.create_source;
  if (point.kind == MountPoint::Kind::kImage) {
    mount.source.clear();
    mount.layers = point.layers;
    mount.read_only = true;
  }
  if (point.kind != MountPoint::Kind::kVolume) return mount;
  const auto device = TRY(w_.volumes->DeviceOf(point.source));
  if (device.has_value() && !device->bind)
    return Error(Code::kFailedPrecondition, "the files of volume '" + point.source + "' are on '" + device->device +
                                                "', which only a running container mounts")
        .Hint("start the container first");
  mount.source = device.has_value() ? device->device : w_.volumes->Mountpoint(point.source);
  if (device.has_value()) mount.recursive = device->recursive;
  return mount;
}

Result<Containers::View> Containers::ViewOfStopped(const ContainerPtr& container) {
  ContainerRecord record = container->data.Lock()->record;
  View view;
  view.container.id = container->id;
  view.container.layers = record.layers;
  view.container.copied = record.copied;
  view.path.read_only = record.create.host_config.readonly_rootfs;
  view.user = record.create.config.user;
  const std::string names = TRY(NameFilesFolder(record));
  for (const char* name : {"resolv.conf", "hostname", "hosts"}) {
    image::ViewMount mount;
    mount.source = names + "/" + name;
    mount.target = std::string("/etc/") + name;
    mount.optional = true;  // made at the first start
    view.path.mounts.push_back(std::move(mount));
  }
  for (const MountPoint& point : record.mounts) {
    // Nothing is left of a tmpfs.
    if (point.kind == MountPoint::Kind::kTmpfs) continue;
    view.path.mounts.push_back(TRY(MountInView(point)));
  }
  return view;
}

Result<Containers::View> Containers::ViewOf(const std::string& id, bool writes) {
  const ContainerPtr container = TRY(Get(id));
  for (int turn = 0; turn < kMostTurns; ++turn) {
    auto running = TRY(ViewOfRunning(container));
    if (running.has_value()) return std::move(*running);
    const std::lock_guard operation(container->operation);  // a start is over, or comes after us
    TRY(CheckThere(container));
    const Phase phase = container->data.Lock()->state.phase;
    if (phase == Phase::kRestarting)
      return Error(Code::kConflict,
                   "Container " + container->id + " is restarting, wait until the container is running");
    if (phase == Phase::kRunning || phase == Phase::kPaused) {
      const bool ending = container->data.Lock()->concluding;
      if (!ending) continue;
    }
    if (!WaitGone(container, kPatience))
      return Error(Code::kUnavailable, "the last run of container " + container->id + " is still being cleared");
    View view = TRY(ViewOfStopped(container));
    if (writes) view.hold = HoldStopped(container);
    return view;
  }
  return Ended(container->id);
}

// Two overlays on one upper directory would not see each other's files: while this lives it does not start.
std::shared_ptr<void> Containers::HoldStopped(const ContainerPtr& container) {
  ++container->data.Lock()->copies;
  return {container.get(), [container](void*) {
            --container->data.Lock()->copies;
            container->copies_changed.notify_all();
          }};
}

Status Containers::AwaitCopies(const ContainerPtr& container) {
  auto data = container->data.Lock();
  const bool done = container->copies_changed.wait_for(data.lock(), kPatience, [&] { return data->copies == 0; });
  if (done) return Ok();
  return Error(Code::kConflict, "files are being copied into container " + container->id).Hint("try again afterwards");
}

}  // namespace estiba::engine
