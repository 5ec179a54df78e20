#include "host.h"

#include <algorithm>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

std::string OperatingSystem() {
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto text = os::ReadFile(path, 64 << 10);
    if (!text.ok()) continue;
    for (const std::string& line : Split(text.value(), '\n')) {
      if (!line.starts_with("PRETTY_NAME=")) continue;
      std::string name = line.substr(12);
      std::erase(name, '"');
      return name;
    }
  }
  return "Linux";
}

bool SwapLimit(const cgroup::Hierarchies& hierarchies) {
  const cgroup::Hierarchy* memory = hierarchies.Find("memory");
  if (memory == nullptr) return false;
  if (memory->unified) return true;  // memory.swap.max comes with the controller and a kernel that swaps
  const std::string file = memory->mountpoint + "/memory.memsw.limit_in_bytes";
  return ::access(file.c_str(), F_OK) == 0;
}

// CapBnd of /proc/self/status: what no descendant of ours can have more than.
std::uint64_t BoundingSet() {
  const auto text = os::ReadFile("/proc/self/status", 64 << 10);
  const std::size_t at = text.ok() ? text.value().find("CapBnd:\t") : std::string::npos;
  if (at == std::string::npos) return ~std::uint64_t{0};
  return std::strtoull(text.value().c_str() + at + 8, nullptr, 16);
}

constexpr const char* kSkipped[] = {"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"};
constexpr std::size_t kMaxDevices = 4096;

HostDevice FromStat(const struct stat& info, std::string path, std::string access) {
  HostDevice found;
  found.device.path = std::move(path);
  found.device.type = S_ISBLK(info.st_mode) ? 'b' : 'c';
  found.device.major = ::major(info.st_rdev);
  found.device.minor = ::minor(info.st_rdev);
  found.device.file_mode = info.st_mode & 07777;
  found.device.uid = info.st_uid;
  found.device.gid = info.st_gid;
  found.access = std::move(access);
  return found;
}

// Device nodes below a folder of the host's /dev, no deeper than udev makes them.
void ListDevices(const std::string& folder, int depth, std::vector<HostDevice>& devices) {
  const auto names = os::ListDirectory({AT_FDCWD}, folder);
  if (!names.ok() || depth > 6) return;
  for (const std::string& name : names.value()) {
    if (std::find(std::begin(kSkipped), std::end(kSkipped), name) != std::end(kSkipped)) continue;
    const std::string path = folder + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || devices.size() >= kMaxDevices) continue;
    if (S_ISDIR(info.st_mode)) ListDevices(path, depth + 1, devices);
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) devices.push_back(FromStat(info, path, "rwm"));
  }
}

}  // namespace

Result<Host> ProbeHost(bool rootless) {
  Host host;
  host.facts.cgroups = TRY_CTX(cgroup::Probe(), "find the control groups");
  host.facts.kernel = os::ProbeFeatures(/*overlays=*/true);
  host.facts.rootless = rootless;
  host.facts.cgroups_writable =
      !rootless || std::ranges::any_of(host.facts.cgroups.hierarchies, &cgroup::Hierarchy::delegated);
  host.limits.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  host.limits.swap_limit = SwapLimit(host.facts.cgroups);
  host.capabilities = BoundingSet();
  struct utsname names{};
  if (::uname(&names) != 0) return Error::Errno(errno, "uname");
  host.name = names.nodename;
  host.kernel = names.release;
  host.architecture = names.machine;
  host.operating_system = OperatingSystem();
  host.boot_id = std::string(Trim(TRY(os::ReadFile("/proc/sys/kernel/random/boot_id", 4096))));
  struct sysinfo info{};
  if (::sysinfo(&info) == 0) host.memory = static_cast<std::int64_t>(info.totalram) * info.mem_unit;
  return host;
}

Result<std::vector<HostDevice>> FindDevices(const apitypes::HostConfig& host) {
  std::vector<HostDevice> devices;
  if (host.privileged) ListDevices("/dev", 0, devices);
  for (const apitypes::DeviceMapping& wanted : host.resources.devices) {
    const auto fail = [&](const std::string& why) {
      return Error(Code::kInvalidArgument,
                   "error gathering device information while adding custom device \"" + wanted.path_on_host +
                       "\": " + why);
    };
    struct stat info{};
    if (::stat(wanted.path_on_host.c_str(), &info) != 0) return fail("no such file or directory");
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) return fail("not a device node");
    const std::string& access = wanted.cgroup_permissions;
    if (access.find_first_not_of("rwm") != std::string::npos) return fail("invalid device mode: " + access);
    const std::string& inside = wanted.path_in_container;
    std::erase_if(devices, [&](const HostDevice& other) { return other.device.path == inside; });
    devices.push_back(
        FromStat(info, inside.empty() ? wanted.path_on_host : inside, access.empty() ? "rwm" : access));
  }
  return devices;
}

}  // namespace estiba::engine
