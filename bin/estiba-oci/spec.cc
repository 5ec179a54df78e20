// spec: a config.json to start from.

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "commands.h"
#include "launch.h"
#include "oci/runtime_json.h"
#include "os/file.h"

namespace estiba::ocicli {
namespace {

oci::Process ExampleProcess() {
  oci::Process process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  process.cwd = "/";
  oci::Capabilities& caps = process.capabilities.emplace();
  caps.bounding = caps.effective = caps.permitted = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  process.rlimits = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 1024}};
  process.no_new_privileges = true;
  return process;
}

std::vector<oci::Mount> ExampleMounts(bool rootless) {
  const auto mount = [](const char* to, const char* type, const char* from, std::vector<std::string> options) {
    return oci::Mount{.destination = to, .type = type, .source = from, .options = std::move(options)};
  };
  std::vector<std::string> devpts = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!rootless) devpts.emplace_back("gid=5");
  std::vector<oci::Mount> mounts = {
      mount("/proc", "proc", "proc", {}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts", devpts),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"})};
  if (rootless) {  // sysfs can only be mounted by the owner of the network namespace
    mounts.push_back(mount("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
  } else {
    mounts.push_back(mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  }
  // Rootless too: "ro" is the top mount's alone, and below the bound /sys are cgroups that the user may write
  // (CVE-2023-25809).
  mounts.push_back(mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}));
  return mounts;
}

oci::RuntimeSpec Example(bool rootless, bool unified) {
  using enum oci::NamespaceType;
  oci::RuntimeSpec spec;
  spec.process = ExampleProcess();
  spec.root = {.path = "rootfs", .readonly = true};
  spec.hostname = "estiba";
  spec.mounts = ExampleMounts(rootless);
  oci::Linux& config = spec.linux_config;
  config.namespaces = {{.type = kPid}, {.type = kIpc}, {.type = kUts}, {.type = kMount}};
  // As runc's, where the hierarchy is one; elsewhere /proc/PID/cgroup is what tools know a container by.
  if (unified) config.namespaces.push_back({.type = kCgroup});
  if (rootless) {
    config.namespaces.push_back({.type = kUser});
    config.uid_mappings = {{.container_id = 0, .host_id = ::geteuid(), .size = 1}};
    config.gid_mappings = {{.container_id = 0, .host_id = ::getegid(), .size = 1}};
  } else {
    config.namespaces.push_back({.type = kNetwork});
    config.resources.devices = {{.allow = false, .access = "rwm"}};
  }
  config.masked_paths = {"/proc/acpi",      "/proc/asound",      "/proc/kcore",       "/proc/keys",
                         "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                         "/sys/firmware",   "/proc/scsi"};
  config.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

}  // namespace

Result<int> SpecCommand(const Context& context) {
  const std::string bundle = context.flags.Has("bundle") ? context.flags.Get("bundle") : ".";
  const os::UniqueFd dir = TRY(os::OpenAt({AT_FDCWD}, bundle, O_RDONLY | O_DIRECTORY));
  auto file = os::OpenAt({dir.get()}, "config.json", O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file.ok() && file.error().errnum() == EEXIST)
    return Error(Code::kAlreadyExists, "File config.json exists. Remove it first");
  const os::UniqueFd out = TRY(std::move(file));
  const plan::HostFacts facts = TRY(AskHost(context.globals));
  const bool unified = facts.cgroups.mode == cgroup::Mode::kUnified;
  const oci::RuntimeSpec spec = Example(context.flags.On("rootless"), unified);
  TRY(os::WriteAll(out.get(), oci::WriteRuntimeSpec(spec, /*indent=*/true) + "\n"));
  return 0;
}

}  // namespace estiba::ocicli
