#include "launch.h"

#include <bit>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "cgroup/systemd.h"
#include "oci/runtime_json.h"
#include "os/features.h"
#include "os/file.h"
#include "os/socket.h"
#include "runtime/container.h"

namespace estiba::ocicli {
namespace {

constexpr std::uint64_t kMostPassedFds = 1024;

// How many sockets an activating caller left us (sd_listen_fds(3)).
Result<std::uint64_t> ListenFds() {
  const char* count = std::getenv("LISTEN_FDS");
  const char* pid = std::getenv("LISTEN_PID");
  if (count == nullptr || *count == '\0') return std::uint64_t{0};
  if (pid != nullptr && std::to_string(::getpid()) != pid) return std::uint64_t{0};
  return TRY_CTX(ParseUint(count, kMostPassedFds), "LISTEN_FDS");
}

Status SendFd(const std::string& path, const char* payload, int fd) {
  const os::UniqueFd socket = TRY(os::ConnectUnix(path, SOCK_STREAM));
  return os::SendMessage(socket.get(), payload, {fd});
}

// Absolute from here on: a relative one would be another from the cgroup that delete is called in.
std::string CgroupPathOf(const oci::RuntimeSpec& spec, const std::string& id, const cgroup::Hierarchies& cgroups) {
  const std::string& path = spec.linux_config.cgroups_path;
  return cgroups.Resolve(path.empty() ? "estiba-oci/" + id : path);
}

Result<cgroup::Scope> ScopeOf(const oci::RuntimeSpec& spec, const std::string& id, bool user) {
  auto systemd = TRY(cgroup::Systemd::Connect(user));
  const std::string manager = TRY(systemd.ControlGroup());
  auto scope = TRY(cgroup::ParseScope(spec.linux_config.cgroups_path, id, user, manager));
  scope.version = TRY(systemd.Version());
  return scope;
}

}  // namespace

Result<std::string> Absolute(const std::string& path) {
  char resolved[PATH_MAX];
  const char* found = ::realpath(path.c_str(), resolved);
  if (const int err = errno; found == nullptr) return Error::Errno(err, "resolve '" + path + "'");
  return std::string(resolved);
}

Result<plan::HostFacts> AskHost(const Globals& globals, const std::optional<cgroup::Hierarchies>& known) {
  plan::HostFacts facts;
  facts.cgroups = known ? *known : TRY(cgroup::Probe());
  if (globals.systemd) TRY(cgroup::UseRootControllers(facts.cgroups));
  facts.kernel = os::ProbeFeatures();
  facts.rootless = globals.rootless.value_or(!facts.kernel.first_user_namespace || ::geteuid() != 0);
  facts.plain_user = ::geteuid() != 0;
  for (const cgroup::Hierarchy& hierarchy : facts.cgroups.hierarchies)
    facts.cgroups_writable = facts.cgroups_writable && hierarchy.delegated;
  return facts;
}

Status AskHostFor(const oci::RuntimeSpec& spec, plan::HostFacts& facts) {
  if (spec.linux_config.intel_rdt) TRY(runtime::FindResctrl(facts));
  if (spec.landlock) facts.kernel.landlock_abi = os::LandlockAbi();
  return Ok();
}

void Report(const plan::Plan& plan, const Reporter& reporter) {
  for (const std::string& warning : plan.warnings) reporter.Warning(warning);
  if (!reporter.debug()) return;
  for (const plan::Step& step : plan.steps)
    reporter.Debug(std::string(plan::WhereName(step.where)) + ": " + plan::Describe(step) + " (" + step.why + ")");
}

Result<Bundle> LoadBundle(const Flags& flags) {
  Bundle bundle;
  const std::string given = flags.Get("bundle");
  bundle.path = TRY(Absolute(given.empty() ? "." : given));
  bundle.text = TRY_CTX(os::ReadFile(bundle.path + "/config.json"), "load bundle");
  bundle.spec = TRY(oci::ParseRuntimeSpec(bundle.text));
  TRY(oci::ValidateRuntimeSpec(bundle.spec));
  const std::string& root = bundle.spec.root.path;
  bundle.rootfs = TRY_CTX(Absolute(root.starts_with('/') ? root : bundle.path + "/" + root), "root.path");
  return bundle;
}

bool BoundToSomeCpus() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return true;  // more CPUs than the set has room for
  const auto online = os::ReadFile("/sys/devices/system/cpu/online");  // sysconf(3) of musl tells of the affinity
  if (!online.ok()) return false;
  const auto mask = oci::ParseNumberList(Trim(*online));
  if (!mask.ok()) return true;
  int count = 0;
  for (const char byte : *mask) count += std::popcount(static_cast<unsigned char>(byte));
  return CPU_COUNT(&allowed) < count;
}

Result<plan::ContainerInput> InputOf(const Context& context, const Bundle& bundle, const std::string& id,
                                     const plan::HostFacts& facts) {
  plan::ContainerInput input;
  input.id = id;
  input.spec = bundle.spec;
  input.storage.rootfs = bundle.rootfs;
  if (context.globals.systemd) {
    input.scope = TRY(ScopeOf(bundle.spec, id, facts.rootless));
    input.cgroup_path = input.scope->path;
  } else {
    input.cgroup_path = CgroupPathOf(bundle.spec, id, facts.cgroups);
    const bool root = !facts.rootless && !facts.plain_user;
    input.cgroup_required = root || !bundle.spec.linux_config.cgroups_path.empty();
  }
  input.use_cgroup = context.globals.use_cgroup;
  input.isolate_from_parent = false;
  input.every_cpu = BoundToSomeCpus();
  input.new_session_keyring = !context.flags.On("no-new-keyring");
  input.no_pivot = context.flags.On("no-pivot");
  input.relayed_terminal = !context.flags.Has("console-socket");
  input.bundle = bundle.path;
  return input;
}

Record RecordOf(const Bundle& bundle, const plan::Plan& plan, pid_t pid, unsigned long long start_time) {
  Record record;
  record.id = plan.id;
  record.bundle = bundle.path;
  record.rootfs = bundle.rootfs;
  record.created = FormatRfc3339(WallNow());
  record.pid = pid;
  record.start_time = start_time;
  record.cgroup_path = plan.cgroup_path;
  record.own_pids = oci::HasNewNamespace(bundle.spec.linux_config, oci::NamespaceType::kPid);
  record.oci_version = bundle.spec.oci_version;
  record.annotations = bundle.spec.annotations;
  return record;
}

Result<std::string> StateFolder(const Context& context) {
  std::string root = context.globals.root;
  if (!root.starts_with('/')) {
    TRY(os::EnsureDirectory(root, 0700));
    root = TRY(Absolute(root));
  }
  return root + "/" + context.flags.rest().front();
}

Result<std::vector<int>> PassedFds(const Flags& flags, std::vector<std::string>& env) {
  const std::uint64_t listening = TRY(ListenFds());
  if (listening > 0) {
    env.push_back("LISTEN_FDS=" + std::to_string(listening));
    env.emplace_back("LISTEN_PID=1");
  }
  std::uint64_t preserved = 0;
  if (flags.Has("preserve-fds"))
    preserved = TRY_CTX(ParseUint(flags.Get("preserve-fds"), kMostPassedFds), "--preserve-fds");
  std::vector<int> fds;
  for (std::uint64_t i = 0; i < listening + preserved; ++i) {
    const int fd = static_cast<int>(3 + i);
    const int flags_of_fd = ::fcntl(fd, F_GETFD);
    if (flags_of_fd < 0 ||
        (flags_of_fd & FD_CLOEXEC) != 0)  // all of ours have it; one that came to us cannot
      return Error(Code::kInvalidArgument, "please check that preserved-fd " + std::to_string(fd) + " (of " +
                                               std::to_string(preserved) + ") is present");
    fds.push_back(fd);
  }
  return fds;
}

Status CheckConsole(const Flags& flags, bool terminal, bool detached) {
  const bool socket = flags.Has("console-socket");
  if (detached && terminal && !socket)
    return Error(Code::kInvalidArgument,
                 "cannot allocate tty if runc will detach without setting console socket")
        .Hint("pass --console-socket, or leave process.terminal off");
  if (socket && !(detached && terminal))
    return Error(Code::kInvalidArgument, "cannot use console socket if runc will not detach or allocate tty");
  return Ok();
}

Status SendConsole(const Flags& flags, int terminal) {
  if (!flags.Has("console-socket")) return Ok();
  return TRY_CTX(SendFd(flags.Get("console-socket"), "/dev/ptmx", terminal), "send the console");
}

Status SendPidfd(const Flags& flags, int pidfd) {
  if (!flags.Has("pidfd-socket")) return Ok();
  return TRY_CTX(SendFd(flags.Get("pidfd-socket"), "pidfd", pidfd), "send the pidfd");
}

Status WritePidFile(const Flags& flags, int pid) {
  const std::string path = flags.Get("pid-file");
  if (path.empty()) return Ok();
  return TRY_CTX(os::ReplaceFile({AT_FDCWD}, path, std::to_string(pid), 0644), "write the pid file");
}

}  // namespace estiba::ocicli
