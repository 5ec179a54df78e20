#include <algorithm>

#include "base/text.h"
#include "build.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

constexpr const char* kInitTarget = "/sbin/docker-init";

oci::Mount Make(std::string destination, std::string type, std::string source,
                std::vector<std::string> options) {
  oci::Mount mount;
  mount.destination = std::move(destination);
  mount.type = std::move(type);
  mount.source = std::move(source);
  mount.options = std::move(options);
  return mount;
}

std::int64_t ShmSize(const HostConfig& host, const SpecContext& context) {
  return host.shm_size > 0 ? host.shm_size : context.limits.shm_size;
}

std::vector<oci::Mount> DefaultMounts(const HostConfig& host, const SpecContext& context) {
  const char* access = host.privileged ? "rw" : "ro";
  std::vector<oci::Mount> mounts;
  mounts.push_back(Make("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(Make("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  mounts.push_back(Make("/dev/pts", "devpts", "devpts",
                        {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  mounts.push_back(Make("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}));
  mounts.push_back(Make("/sys/fs/cgroup", "cgroup", "cgroup", {access, "nosuid", "noexec", "nodev"}));
  if (host.ipc_mode == "host") {
    mounts.push_back(Make("/dev/mqueue", "bind", "/dev/mqueue", {"rbind", "nosuid", "noexec", "nodev"}));
    mounts.push_back(Make("/dev/shm", "bind", "/dev/shm", {"rbind", "nosuid", "noexec", "nodev"}));
    return mounts;
  }
  mounts.push_back(Make("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (const auto joined = context.joined.find("ipc"); joined != context.joined.end()) {
    // The memory segments of the namespace joined are in the other container's file system.
    const std::string source = "/proc/" + std::to_string(joined->second) + "/root/dev/shm";
    mounts.push_back(Make("/dev/shm", "bind", source, {"rbind", "nosuid", "noexec", "nodev"}));
  } else if (host.ipc_mode != "none") {
    mounts.push_back(
        Make("/dev/shm", "tmpfs", "shm",
             {"nosuid", "noexec", "nodev", "mode=1777", "size=" + std::to_string(ShmSize(host, context))}));
  }
  return mounts;
}

// One volume serves containers of every user namespace: on disk its files belong to whom they do without one.
Status MapIds(const ContainerRecord& record, const MountPoint& point, bool ours, oci::Mount& mount) {
  const bool like_container = point.id_map == kContainerIds || (point.id_map.empty() && ours && !record.ids.empty());
  if (like_container && record.ids.empty()) {
    return Error(Code::kInvalidArgument, "idmap: the container has no user namespace to map ids to")
        .Hint("say which: idmap=uids=DISK-SEEN-COUNT;gids=DISK-SEEN-COUNT, or run with --userns=auto");
  }
  if (like_container) mount.options.emplace_back("idmap");
  if (point.id_map.empty() || like_container) return Ok();
  IdMaps maps = TRY(ParseIdMap(point.id_map, &record.ids));
  mount.uid_mappings = std::move(maps.uids);
  mount.gid_mappings = std::move(maps.gids);
  return Ok();
}

Result<oci::Mount> FromPoint(const ContainerRecord& record, const MountPoint& point, const SpecContext& context) {
  if (point.kind == MountPoint::Kind::kTmpfs) {
    std::vector<std::string> options = {"nosuid", "nodev", "noexec"};
    for (const std::string& option :
         point.options.empty() ? std::vector<std::string>{} : Split(point.options, ',')) {
      // "exec" after "noexec" is how one is taken back.
      std::erase(options, "no" + option);
      options.push_back(option);
    }
    return Make(point.target, "tmpfs", "tmpfs", std::move(options));
  }
  std::string source = point.source;
  std::vector<std::string> options = {point.recursive ? "rbind" : "bind"};
  bool ours = false;  // its files are the engine's, on its file system
  if (point.kind == MountPoint::Kind::kVolume) {
    source = context.volumes_root + "/" + point.source + "/_data";
    const auto device = context.volume_devices.find(point.source);
    ours = device == context.volume_devices.end();
    if (!ours && device->second.bind) {
      source = device->second.device;
      if (!device->second.recursive) options[0] = "bind";
      options.insert(options.end(), device->second.options.begin(), device->second.options.end());
    }
  }
  // As docker: with what is mounted below, where the kernel can; only who insists is refused where it cannot.
  const bool tree = point.read_only_recursive && (context.recursive_read_only || point.read_only_forced);
  if (point.read_only) options.emplace_back(point.recursive && tree ? "rro" : "ro");
  options.push_back(point.propagation.empty() ? "rprivate" : point.propagation);
  oci::Mount mount = Make(point.target, "bind", std::move(source), std::move(options));
  TRY_CTX(MapIds(record, point, ours, mount), point.field);
  return mount;
}

// The name files, unless a mount of the container's own covers them.
std::vector<oci::Mount> NameFiles(const ContainerRecord& record, const SpecContext& context) {
  std::vector<oci::Mount> mounts;
  for (const char* name : {"resolv.conf", "hostname", "hosts"}) {
    const std::string target = std::string("/etc/") + name;
    const auto covers = [&](const MountPoint& point) { return point.target == target; };
    if (std::any_of(record.mounts.begin(), record.mounts.end(), covers)) continue;
    mounts.push_back(Make(target, "bind", context.names_dir + "/" + name, {"rbind", "rprivate"}));
    if (!record.ids.empty()) mounts.back().options.emplace_back("idmap");
  }
  return mounts;
}

std::size_t Depth(const std::string& path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

}  // namespace

Result<std::vector<oci::Mount>> BuildMounts(const ContainerRecord& record, const SpecContext& context) {
  const HostConfig& host = record.create.host_config;
  std::vector<oci::Mount> mounts = DefaultMounts(host, context);
  std::vector<oci::Mount> own = NameFiles(record, context);
  if (host.init.value_or(false)) {
    own.push_back(Make(kInitTarget, "bind", context.init_program, {"bind", "ro"}));
  }
  for (const MountPoint& point : record.mounts) own.push_back(TRY(FromPoint(record, point, context)));
  for (oci::Mount& mount : own) {
    // What the user mounts at a default place replaces the default.
    std::erase_if(mounts, [&](const oci::Mount& other) { return other.destination == mount.destination; });
  }
  std::stable_sort(own.begin(), own.end(), [](const oci::Mount& a, const oci::Mount& b) {
    return Depth(a.destination) < Depth(b.destination);
  });
  for (oci::Mount& mount : own) mounts.push_back(std::move(mount));
  return mounts;
}

}  // namespace estiba::engine
