// Control groups: which hierarchies, which controllers, and whether a cgroup can be made.

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "findings.h"

namespace estiba::engine {
namespace {

constexpr const char* kDelegate =
    "mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory "
    "pids\\n' "
    "> /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload, and log in again";

constexpr Feature kThere{"Cgroups", "hierarchies", true,
                         "containers have no limits and end by their PID namespace alone",
                         "mount -t cgroup2 cgroup2 /sys/fs/cgroup"};
constexpr Feature kMade{
    "Cgroups", "new cgroups", true, "no container starts",
    "make the host's cgroups writable (a container without its own: --cgroupns=private, writable)"};
constexpr Feature kDelegated{"Cgroups", "delegation", false,
                             "limits of containers (-m, --cpus, --pids-limit); they run without", kDelegate};
constexpr Feature kKill{"Cgroups", "cgroup.kill", false, "containers are ended process by process",
                        "Linux 5.14 or later"};
constexpr Feature kDevices{"Cgroups", "devices", true, "containers could open any device: none starts",
                           "a kernel with CONFIG_CGROUP_BPF: apt install linux-image-amd64"};
constexpr Feature kSwap{"Cgroups", "swap accounting", false, "--memory-swap",
                        "swapaccount=1 on the kernel's command line"};

struct Controller {
  const char* name;
  const char* v1;
  const char* lost;
};
constexpr Controller kControllers[] = {
    {"memory", "memory", "-m, memory in stats"},
    {"cpu", "cpu", "--cpus, --cpu-shares"},
    {"cpuset", "cpuset", "--cpuset-cpus, --cpuset-mems"},
    {"io", "blkio", "--blkio-weight, --device-read-bps and the like, block I/O in stats"},
    {"pids", "pids", "--pids-limit"},
    {"hugetlb", "hugetlb", "limits on huge pages"}};

const char* ModeName(cgroup::Mode mode) {
  switch (mode) {
    case cgroup::Mode::kUnified: return "version 2";
    case cgroup::Mode::kHybrid: return "version 1, with version 2 beside it (hybrid)";
    case cgroup::Mode::kLegacy: return "version 1";
    case cgroup::Mode::kNone: break;
  }
  return "none is mounted";
}

std::string BaseOf(const cgroup::Hierarchy& hierarchy) {
  return hierarchy.mountpoint + (hierarchy.base == "/" ? "" : hierarchy.base);
}

// Makes a cgroup and takes it away again.
Status TryMake(const cgroup::Hierarchy& hierarchy, bool& kills) {
  const std::string path = BaseOf(hierarchy) + "/estiba-doctor-" + std::to_string(::getpid());
  if (::mkdir(path.c_str(), 0755) != 0) return Error::Errno(errno, "make '" + path + "'");
  if (::access((path + "/cgroup.kill").c_str(), F_OK) == 0) kills = true;
  if (::rmdir(path.c_str()) != 0) return Error::Errno(errno, "remove '" + path + "'");
  return Ok();
}

void ExamineControllers(const cgroup::Hierarchies& groups, bool delegated, Findings& findings) {
  for (const Controller& controller : kControllers) {
    const cgroup::Hierarchy* found = groups.Find(controller.name);
    if (found == nullptr) found = groups.Find(controller.v1);
    const bool works = found != nullptr && delegated && found->delegated;
    const std::string detail = found == nullptr ? "not there"
                               : !works         ? "not delegated"
                               : found->unified ? "on version 2"
                                                : "on version 1";
    // A controller that the kernel has none of cannot be mended by a command.
    const char* mend =
        found == nullptr ? "cgroup_enable= on the kernel's command line, or a kernel that has it" : kDelegate;
    Tell(findings, {"Cgroups", controller.name, false, controller.lost, mend}, works, detail,
         FindingState::kLimited);
  }
}

}  // namespace

void ExamineCgroups(bool rootless, Findings& findings) {
  auto probed = cgroup::Probe();
  if (!probed.ok()) return Tell(findings, kThere, probed.error().Clone(), "");
  const cgroup::Hierarchies& groups = *probed;
  Tell(findings, kThere, groups.mode != cgroup::Mode::kNone, ModeName(groups.mode));
  bool kills = false;
  Status made = Ok();
  bool any = false;
  for (const cgroup::Hierarchy& hierarchy : groups.hierarchies) {
    Status tried = TryMake(hierarchy, kills);
    any = any || tried.ok();
    if (!tried.ok() && made.ok()) made = std::move(tried);
  }
  if (rootless) {
    Tell(findings, kDelegated, any,
         any         ? "cgroups can be made"
         : made.ok() ? "none"
                     : made.error().Message(),
         FindingState::kLimited);
  } else {
    Tell(findings, kMade, made, "made in every hierarchy");
    const bool devices = groups.device_programs || groups.Find("devices") != nullptr;
    Tell(findings, kDevices, devices,
         groups.device_programs ? "by programs"
         : devices              ? "by the controller of version 1"
                                : "none");
  }
  ExamineControllers(groups, any, findings);
  if (any) TellThere(findings, kKill, kills, FindingState::kLimited);
  if (groups.Has("memory") && any)
    Tell(findings, kSwap, groups.swap_accounting, groups.swap_accounting ? "on" : "off",
         FindingState::kLimited);
}

}  // namespace estiba::engine
