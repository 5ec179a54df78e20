// What the engine says of itself and of the room it takes.

#include <fcntl.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine_impl.h"
#include "net/firewalls.h"
#include "net/forwarding.h"
#include "net/setup.h"
#include "os/file.h"
#include "user_network.h"

namespace estiba::engine {
namespace {

std::int64_t CountEntries(const char* folder) {
  const auto names = os::ListDirectory({AT_FDCWD}, folder);
  return names.ok() ? static_cast<std::int64_t>(names.value().size()) : 0;
}

bool Forwarding() {
  const auto text = os::ReadFile("/proc/sys/net/ipv4/ip_forward", 64);
  return text.ok() && Trim(text.value()) == "1";
}

// Names of architectures as Go has them.
std::string GoArch(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

// Rules of others that keep containers from other networks; a user's engine has no bridges.
void WarnOfForwardDroppers(std::vector<std::string>& warnings) {
  const auto droppers = net::ForwardDroppers();
  if (!droppers.ok()) return log::Debug("look for chains that drop forwarded packets",
                                        {{"error", droppers.error().Message()}});
  for (const net::ForwardDropper& dropper : droppers.value()) {
    warnings.push_back("WARNING: The host's firewall drops forwarded packets in chain '" + dropper.chain +
                       "': containers reach other networks only where it accepts their bridges, by: " + dropper.remedy);
  }
}

void TellForwarding(const std::string& folder, std::vector<std::string>& warnings) {
  for (const auto& [family, name] : {std::pair(net::Family::kIpv4, "IPv4"), {net::Family::kIpv6, "IPv6"}}) {
    if (net::ForwardingIsOurs(folder, family))
      warnings.push_back(std::string("WARNING: This host did not forward ") + name +
                         " packets. It does while containers need it, which is put back after the last of them");
  }
}

void TellBrokenCni(const Networks& networks, std::vector<std::string>& warnings) {
  for (const auto& [file, why] : networks.LookAtCni().broken)
    warnings.push_back("WARNING: CNI configuration '" + file + "' cannot be used: " + why.Message());
}

void TellUserNetwork(const Config& config, apitypes::Info& info) {
  const auto way_out = FindWayOut(config);
  const std::string name = way_out.ok() ? way_out->substr(way_out->rfind('/') + 1) : "none";
  info.security_options.push_back("name=rootless,network=" + name);
  if (!way_out.ok()) info.warnings.push_back("WARNING: " + way_out.error().Message());
  const std::string trouble = WayOutTrouble(config);
  if (!trouble.empty()) info.warnings.push_back("WARNING: Containers do not reach other hosts: " + trouble);
}

}  // namespace

apitypes::Version EngineImpl::GetVersion() {
  apitypes::Version version;
  version.platform_name = "Estiba";
  version.version = options_.version;
  version.os = "linux";
  version.arch = GoArch(host_.architecture);
  version.kernel_version = host_.kernel;
  version.components.push_back({"Engine", options_.version, {{"Os", "linux"}, {"Arch", version.arch},
                                                             {"KernelVersion", host_.kernel}}});
  return version;
}

Result<apitypes::Info> EngineImpl::GetInfo() {
  const auto now = config();
  const Containers::Counts counts = containers_->Count();
  const cgroup::Hierarchies& groups = host_.facts.cgroups;
  const auto limits = [&groups](std::string_view controller) {
    const cgroup::Hierarchy* found = groups.Find(controller);
    return found != nullptr && found->delegated;
  };
  apitypes::Info info;
  info.id = host_.boot_id;
  info.containers_running = counts.running;
  info.containers_paused = counts.paused;
  info.containers_stopped = counts.stopped;
  info.containers = counts.running + counts.paused + counts.stopped;
  info.images = static_cast<std::int64_t>(images_->count());
  if (now->LayersAreImages()) info.driver = "erofs";
  if (host_.copies) info.driver = "vfs";
  info.driver_status = DriverStatus(backing_, host_.copies, now->rootless);
  info.memory_limit = limits("memory");
  info.swap_limit = info.memory_limit && host_.limits.swap_limit;
  info.cpu_cfs_period = info.cpu_cfs_quota = info.cpu_shares = limits("cpu");
  info.cpu_set = limits("cpuset");
  info.pids_limit = limits("pids");
  info.oom_kill_disable = info.memory_limit && groups.mode != cgroup::Mode::kUnified;
  info.ipv4_forwarding = Forwarding();
  info.debug = now->log_level == log::Level::kDebug;
  info.n_fd = CountEntries("/proc/self/fd");
  info.n_threads = CountEntries("/proc/self/task");
  info.n_events_listener = static_cast<std::int64_t>(events_.subscribers());
  info.system_time = FormatRfc3339(WallNow());
  info.cgroup_version = groups.mode == cgroup::Mode::kUnified ? "2" : "1";
  info.kernel_version = host_.kernel;
  info.operating_system = host_.operating_system;
  info.architecture = host_.architecture;
  info.index_server_address = "https://" + now->default_registry + "/";
  info.insecure_registries = now->insecure_registries;
  info.insecure_registries.emplace_back("127.0.0.0/8");
  info.n_cpu = host_.limits.cpus;
  info.mem_total = host_.memory;
  info.root_dir = now->data_root;
  info.name = host_.name;
  info.server_version = options_.version;
  info.runtimes = {{"estiba", "estiba-monitor"}};
  info.default_runtime = "estiba";
  info.init_binary = "estiba-init";
  const AppArmor::Use apparmor = apparmor_->Look();
  if (apparmor.by_default) info.security_options.emplace_back("name=apparmor");
  info.security_options.emplace_back("name=seccomp,profile=builtin");
  info.security_options.emplace_back("name=cgroupns");
  if (now->rootless) TellUserNetwork(*now, info);
  if (!info.memory_limit) info.warnings.emplace_back("WARNING: No memory limit support");
  if (!info.swap_limit) info.warnings.emplace_back("WARNING: No swap limit support");
  if (!info.cpu_shares) info.warnings.emplace_back("WARNING: No cpu shares support");
  if (!info.cpu_set) info.warnings.emplace_back("WARNING: No cpuset support");
  if (now->rootless && !host_.facts.cgroups_writable)
    info.warnings.emplace_back(
        "WARNING: This host delegates no cgroup to the user: containers have no limits and no statistics, and cannot "
        "be paused");
  if (apparmor.on && !apparmor.by_default && !now->rootless)
    info.warnings.push_back("WARNING: AppArmor does not confine containers: " + apparmor.lacks);
  if (!now->rootless) {
    WarnOfForwardDroppers(info.warnings);
    TellForwarding(now->run_root + "/host", info.warnings);
    TellBrokenCni(*networks_, info.warnings);
  }
  return info;
}

}  // namespace estiba::engine
