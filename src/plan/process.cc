// From the pivot to the program: terminal, limits, identity, privileges, in the one order that works.

#include <algorithm>
#include <bit>
#include <cstring>

#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <sys/resource.h>

#include "builder.h"
#include "explain_json.h"
#include "oci/runtime_json.h"
#include "security/capability.h"
#include "security/seccomp.h"

namespace estiba::plan {
namespace {

struct RlimitName {
  const char* name;
  int resource;
};
constexpr RlimitName kRlimits[] = {
    {"RLIMIT_CPU", RLIMIT_CPU}, {"RLIMIT_FSIZE", RLIMIT_FSIZE}, {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_STACK", RLIMIT_STACK}, {"RLIMIT_CORE", RLIMIT_CORE}, {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_NPROC", RLIMIT_NPROC}, {"RLIMIT_NOFILE", RLIMIT_NOFILE}, {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_AS", RLIMIT_AS}, {"RLIMIT_LOCKS", RLIMIT_LOCKS}, {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE}, {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
};

// What a container starts with when nobody said otherwise, whatever the limits of who started the engine: the
// kernel's own defaults and systemd's for open files. "As much as may be had": without CAP_SYS_RESOURCE no more than
// we have ourselves.
struct DefaultRlimit {
  int resource;
  std::uint64_t soft;
  std::uint64_t hard;
};
constexpr std::uint64_t kInfinity = ~std::uint64_t{0};
constexpr DefaultRlimit kDefaultRlimits[] = {
    {RLIMIT_CPU, kInfinity, kInfinity}, {RLIMIT_FSIZE, kInfinity, kInfinity}, {RLIMIT_DATA, kInfinity, kInfinity},
    {RLIMIT_STACK, 8U << 20, kInfinity}, {RLIMIT_CORE, 0, kInfinity}, {RLIMIT_RSS, kInfinity, kInfinity},
    {RLIMIT_NPROC, kInfinity, kInfinity}, {RLIMIT_NOFILE, 1024, 524288}, {RLIMIT_MEMLOCK, 8U << 20, 8U << 20},
    {RLIMIT_AS, kInfinity, kInfinity}, {RLIMIT_LOCKS, kInfinity, kInfinity}, {RLIMIT_MSGQUEUE, 819200, 819200},
    {RLIMIT_NICE, 0, 0}, {RLIMIT_RTPRIO, 0, 0}, {RLIMIT_RTTIME, kInfinity, kInfinity},
};

Status AddRlimits(Builder& b, const ProcessInput& input) {
  std::uint64_t seen = 0;
  const std::vector<oci::Rlimit>& limits = input.process.rlimits;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const std::string why = Indexed("process.rlimits", i);
    int resource = -1;
    for (const RlimitName& known : kRlimits) {
      if (limits[i].type == known.name) resource = known.resource;
    }
    if (resource < 0) return Error(Code::kInvalidArgument, why + ": unknown type '" + limits[i].type + "'");
    if ((seen >> resource & 1) != 0) {
      return Error(Code::kInvalidArgument, why + ": '" + limits[i].type + "' is listed twice");
    }
    if (limits[i].soft > limits[i].hard) {
      return Error(Code::kInvalidArgument, why + ": the soft limit of '" + limits[i].type + "' is above the hard one");
    }
    seen |= std::uint64_t{1} << resource;
    b.Child(child::Op::kRlimit, why, {limits[i].type},
            {static_cast<std::uint64_t>(resource), limits[i].soft, limits[i].hard, 0});
  }
  if (!input.isolate_from_parent) return Ok();
  for (const DefaultRlimit& limit : kDefaultRlimits) {
    if ((seen >> limit.resource & 1) != 0) continue;
    const char* name = "";
    for (const RlimitName& known : kRlimits) {
      if (known.resource == limit.resource) name = known.name;
    }
    b.Child(child::Op::kRlimit, "default", {name},
            {static_cast<std::uint64_t>(limit.resource), limit.soft, limit.hard, 1});
  }
  return Ok();
}

struct Sets {
  security::CapabilitySet bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};

Result<security::CapabilitySet> ParseSet(Builder& b, const std::vector<std::string>& names) {
  std::vector<std::string> unknown;
  const security::CapabilitySet all = TRY(security::ParseCapabilities(names, &unknown));
  for (const std::string& name : unknown) {
    Warn(b.plan(), "process.capabilities: '" + name + "' is unknown and ignored");
  }
  const unsigned last = b.facts().kernel.last_capability;
  return last >= 63 ? all : all & ((std::uint64_t{1} << (last + 1)) - 1);  // what this kernel does not have either
}

Result<Sets> ParseSets(Builder& b, const oci::Process& process) {
  Sets sets;
  if (!process.capabilities.has_value()) return sets;
  sets.bounding = TRY(ParseSet(b, process.capabilities->bounding));
  sets.effective = TRY(ParseSet(b, process.capabilities->effective));
  sets.permitted = TRY(ParseSet(b, process.capabilities->permitted));
  sets.inheritable = TRY(ParseSet(b, process.capabilities->inheritable));
  sets.ambient = TRY(ParseSet(b, process.capabilities->ambient));
  // The kernel's rules (capabilities(7)); what breaks them could not be set and would be an unreadable EPERM.
  if ((sets.effective & ~sets.permitted) != 0) {
    return Error(Code::kInvalidArgument, "process.capabilities: effective has what permitted has not");
  }
  // Callers (buildah, Debian 12's) send ambient sets without inheritable ones, and live with what runc makes of them.
  const security::CapabilitySet raisable = sets.permitted & sets.inheritable;
  for (const std::string& name : security::CapabilityNames(sets.ambient & ~raisable)) {
    Warn(b.plan(), "process.capabilities.ambient: can't raise ambient capability " + name +
                       ": it is not permitted and inheritable");
  }
  sets.ambient &= raisable;
  if ((sets.inheritable & ~sets.bounding) != 0) {
    return Error(Code::kInvalidArgument, "process.capabilities: inheritable has what bounding has not");
  }
  return sets;
}

Status CheckNotify(const oci::Seccomp& seccomp) {
  if (seccomp.listener_path.empty()) {
    return Error(Code::kInvalidArgument, "linux.seccomp.listenerPath: is needed for SCMP_ACT_NOTIFY");
  }
  for (std::size_t i = 0; i < seccomp.syscalls.size(); ++i) {
    const oci::SeccompRule& rule = seccomp.syscalls[i];
    if (rule.action != oci::SeccompAction::kNotify || std::ranges::find(rule.names, "sendmsg") == rule.names.end())
      continue;
    return Error(Code::kInvalidArgument, Indexed("linux.seccomp.syscalls", i) +
                                             ": SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall, which "
                                             "delivers the listener");
  }
  return Ok();
}

Status AddSeccomp(Builder& b, const ProcessInput& input) {
  const oci::Seccomp& seccomp = *input.spec.linux_config.seccomp;
  if (!b.facts().kernel.seccomp_filter) {
    return Error(Code::kFailedPrecondition, "linux.seccomp: this kernel has no seccomp filters");
  }
  security::CompiledSeccomp fresh;
  if (!input.seccomp.has_value()) fresh = TRY_CTX(security::CompileSeccomp(seccomp), "linux.seccomp");
  const security::CompiledSeccomp& compiled = input.seccomp.has_value() ? *input.seccomp : fresh;
  if (compiled.has_notify) TRY(CheckNotify(seccomp));
  if (compiled.program.size() > BPF_MAXINSNS) {
    return Error(Code::kInvalidArgument, "linux.seccomp: the filter has " + std::to_string(compiled.program.size()) +
                                             " instructions, the kernel takes " + std::to_string(BPF_MAXINSNS));
  }
  std::uint64_t flags = compiled.flags;
  if (!compiled.has_notify) flags &= ~std::uint64_t{SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};  // of listeners only
  if (compiled.has_notify) flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  constexpr std::uint64_t kSynchronizedListener = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER;
  if ((flags & kSynchronizedListener) == kSynchronizedListener) flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
  Step& step = b.Child(child::Op::kSeccomp, "linux.seccomp", {}, {flags});
  step.blob.assign(reinterpret_cast<const char*>(compiled.program.data()),
                   compiled.program.size() * sizeof(sock_filter));
  if (!compiled.has_notify) return Ok();
  const int listener = step.out = b.NewSlot();
  std::string metadata;
  if (!seccomp.listener_metadata.empty()) metadata = ",\"metadata\":" + JsonString(seccomp.listener_metadata);
  // runtime-spec, "Container Process State", around the pid and the state, which only the runtime knows.
  std::string head = "{\"ociVersion\":" + JsonString(input.spec.oci_version) + ",\"fds\":[\"seccompFd\"]";
  b.Child(child::Op::kSendSeccompListener, "linux.seccomp.listenerPath",
          {seccomp.listener_path, std::move(head), std::move(metadata)})
      .in = {listener};
  return Ok();
}

std::string GroupsBlob(const std::vector<std::uint32_t>& groups) {
  std::string blob(groups.size() * sizeof(std::uint32_t), '\0');
  if (!groups.empty()) std::memcpy(blob.data(), groups.data(), blob.size());
  return blob;
}

// Whoever may map only the own group has to give up setgroups(2) for it.
bool MapsOwnGroupOnly(const Builder& b, const oci::Linux& config) {
  return b.facts().plain_user && config.gid_mappings.size() == 1 && config.gid_mappings[0].size == 1;
}

Status AddGroups(Builder& b, const oci::Linux& config, const oci::User& user) {
  const bool denied = b.facts().kernel.setgroups_denied;
  if (MapsOwnGroupOnly(b, config) && !user.additional_gids.empty()) {
    return Error(Code::kFailedPrecondition, "process.user.additionalGids: cannot set any additional groups in a "
                                            "rootless container that maps one group only")
        .Hint("map subordinate groups (/etc/subgid) in linux.gidMappings");
  }
  if (denied && !user.additional_gids.empty()) {
    return Error(Code::kFailedPrecondition, "process.user.additionalGids: this user namespace denies setgroups(2)");
  }
  if (denied) Warn(b.plan(), "process.user: this user namespace denies setgroups(2): groups stay what they are");
  b.Child(child::Op::kGroups, "process.user.additionalGids", {}, SetgroupsNumbers(b.facts())).blob =
      GroupsBlob(user.additional_gids);
  return Ok();
}

// Bounding set while CAP_SETPCAP is there; groups, gid, uid while CAP_SETGID and CAP_SETUID are; then the rest goes.
// A filter without no_new_privs needs CAP_SYS_ADMIN, so it is loaded before capabilities go (and must allow the calls
// that follow, as runc's must); with no_new_privs it is the last thing, and sees nothing but our exec.
Status AddPrivileges(Builder& b, const ProcessInput& input) {
  const oci::Process& process = input.process;
  const Sets sets = TRY(ParseSets(b, process));
  const auto& seccomp = input.spec.linux_config.seccomp;
  // While CAP_SYS_ADMIN is there, which it needs without no_new_privs; what is to come it does not govern.
  TRY(AddLandlock(b, input.spec));
  const bool early = seccomp.has_value() && !process.no_new_privileges;
  if (early) TRY(AddSeccomp(b, input));
  b.Child(child::Op::kDropBounding, "process.capabilities.bounding", {}, {sets.bounding});
  TRY(AddGroups(b, input.spec.linux_config, process.user));
  const std::string& name = process.user.username;
  b.Child(child::Op::kIdentity, "process.user", name.empty() ? std::vector<std::string>() : std::vector{name},
          {process.user.uid, process.user.gid});
  b.Child(child::Op::kCapabilities, "process.capabilities", {},
          {sets.effective, sets.permitted, sets.inheritable, sets.ambient});
  if (process.no_new_privileges) b.Child(child::Op::kNoNewPrivileges, "process.noNewPrivileges");
  if (seccomp.has_value() && !early) TRY(AddSeccomp(b, input));
  return Ok();
}

// ioprio_set(2). Some kernels' <linux/ioprio.h> is not C++ (a parameter is called `class`).
enum : std::uint64_t { kIoClassRealtime = 1, kIoClassBestEffort = 2, kIoClassIdle = 3 };
constexpr unsigned kIoClassShift = 13;

Status AddIoPriority(Builder& b, const oci::IoPriority& priority) {
  std::uint64_t io_class = 0;
  if (priority.io_class == "IOPRIO_CLASS_RT") {
    io_class = kIoClassRealtime;
  } else if (priority.io_class == "IOPRIO_CLASS_BE") {
    io_class = kIoClassBestEffort;
  } else if (priority.io_class == "IOPRIO_CLASS_IDLE") {
    io_class = kIoClassIdle;
  } else {
    return Error(Code::kInvalidArgument, "process.ioPriority: unknown class '" + priority.io_class + "'");
  }
  if (priority.priority < 0 || priority.priority > 7) {
    return Error(Code::kInvalidArgument, "process.ioPriority: priority is not between 0 and 7");
  }
  b.Child(child::Op::kIoPriority, "process.ioPriority", {},
          {io_class << kIoClassShift | static_cast<std::uint64_t>(priority.priority)});
  return Ok();
}

// struct sched_attr of sched_setattr(2) in its first version; <linux/sched/types.h> clashes with <sched.h>.
struct SchedulerAttributes {
  std::uint32_t size = 48;
  std::uint32_t sched_policy = 0;
  std::uint64_t sched_flags = 0;
  std::int32_t sched_nice = 0;
  std::uint32_t sched_priority = 0;
  std::uint64_t sched_runtime = 0;
  std::uint64_t sched_deadline = 0;
  std::uint64_t sched_period = 0;
};
static_assert(sizeof(SchedulerAttributes) == 48);

Status AddScheduler(Builder& b, const oci::Scheduler& scheduler) {
  constexpr struct {
    const char* name;
    std::uint32_t policy;
  } kPolicies[] = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},      {"SCHED_BATCH", 3},
                   {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}};
  constexpr struct {
    const char* name;
    std::uint64_t flag;
  } kFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
                {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
                {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
                {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};
  SchedulerAttributes attr;
  bool known = false;
  for (const auto& policy : kPolicies) {
    if (scheduler.policy != policy.name) continue;
    attr.sched_policy = policy.policy;
    known = true;
  }
  if (!known) return Error(Code::kInvalidArgument, "process.scheduler: unknown policy '" + scheduler.policy + "'");
  for (const std::string& name : scheduler.flags) {
    std::uint64_t bit = 0;
    for (const auto& flag : kFlags) {
      if (name == flag.name) bit = flag.flag;
    }
    if (bit == 0) return Error(Code::kInvalidArgument, "process.scheduler: unknown flag '" + name + "'");
    attr.sched_flags |= bit;
  }
  attr.sched_nice = scheduler.nice;
  attr.sched_priority = static_cast<std::uint32_t>(scheduler.priority);
  attr.sched_runtime = scheduler.runtime;
  attr.sched_deadline = scheduler.deadline;
  attr.sched_period = scheduler.period;
  Step& step = b.Child(child::Op::kScheduler, "process.scheduler", {scheduler.policy});
  step.blob.assign(reinterpret_cast<const char*>(&attr), sizeof attr);
  return Ok();
}

Status AddMemoryPolicy(Builder& b, const oci::MemoryPolicy& policy) {
  constexpr struct {
    const char* name;
    std::uint64_t value;
  } kNames[] = {{"MPOL_DEFAULT", 0}, {"MPOL_PREFERRED", 1}, {"MPOL_BIND", 2}, {"MPOL_INTERLEAVE", 3},
                {"MPOL_LOCAL", 4}, {"MPOL_PREFERRED_MANY", 5}, {"MPOL_WEIGHTED_INTERLEAVE", 6},
                {"MPOL_F_NUMA_BALANCING", 1U << 13}, {"MPOL_F_RELATIVE_NODES", 1U << 14},
                {"MPOL_F_STATIC_NODES", 1U << 15}};
  const auto find = [&](const std::string& name) -> const std::uint64_t* {
    for (const auto& known : kNames) {
      if (name == known.name) return &known.value;
    }
    return nullptr;
  };
  const std::uint64_t* mode = find(policy.mode);
  if (mode == nullptr) return Error(Code::kInvalidArgument, "linux.memoryPolicy: unknown mode '" + policy.mode + "'");
  std::uint64_t value = *mode;
  for (const std::string& name : policy.flags) {
    const std::uint64_t* flag = find(name);
    if (flag == nullptr) return Error(Code::kInvalidArgument, "linux.memoryPolicy: unknown flag '" + name + "'");
    value |= *flag;
  }
  std::string mask;
  if (!policy.nodes.empty())
    mask = TRY_CTX(oci::ParseNumberList(policy.nodes), "linux.memoryPolicy.nodes: invalid memory policy nodes");
  int count = 0;
  for (const char byte : mask) count += std::popcount(static_cast<unsigned char>(byte));
  const bool takes_none = *mode == 0 || *mode == 4;  // MPOL_DEFAULT, MPOL_LOCAL: the kernel's EINVAL
  if (takes_none && count != 0) {
    return Error(Code::kInvalidArgument, "linux.memoryPolicy.nodes: " + policy.mode +
                                             " mode requires 0 nodes but got " + std::to_string(count));
  }
  Step& step = b.Child(child::Op::kMemoryPolicy, "linux.memoryPolicy", {policy.mode, policy.nodes}, {value});
  step.blob = std::move(mask);
  return Ok();
}

Status AddPlacement(Builder& b, const ProcessInput& input) {
  const oci::Process& process = input.process;
  if (process.scheduler.has_value()) TRY(AddScheduler(b, *process.scheduler));
  if (process.io_priority.has_value()) TRY(AddIoPriority(b, *process.io_priority));
  if (input.spec.linux_config.memory_policy.has_value())
    TRY(AddMemoryPolicy(b, *input.spec.linux_config.memory_policy));
  if (input.exec && process.exec_cpu_affinity.has_value() && !process.exec_cpu_affinity->final_cpus.empty()) {
    TRY(AddAffinity(b, process.exec_cpu_affinity->final_cpus, "process.execCPUAffinity.final"));
  }
  const std::string& personality = input.spec.linux_config.personality;
  if (!personality.empty()) {
    if (personality != "LINUX" && personality != "LINUX32") {
      return Error(Code::kInvalidArgument, "linux.personality: unknown domain '" + personality + "'");
    }
    b.Child(child::Op::kPersonality, "linux.personality", {personality}, {personality == "LINUX32" ? 8ULL : 0ULL});
  }
  return Ok();
}

// Whether the last HOME, which counts, says where that is.
bool HasHome(const std::vector<std::string>& env) {
  bool has = false;
  for (const std::string& entry : env) {
    if (entry.starts_with("HOME=")) has = entry.size() > 5;
  }
  return has;
}

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

}  // namespace

void AddEveryCpu(Builder& b) {
  constexpr std::size_t kBytes = 1024;  // the kernel cuts it to what there is and the cpuset allows
  b.Child(child::Op::kAffinity, "default").blob = std::string(kBytes, '\xff');
}

Status AddAffinity(Builder& b, const std::string& cpus, const char* why) {
  std::string mask = TRY_CTX(oci::ParseNumberList(cpus), why);
  b.Child(child::Op::kAffinity, why).blob = std::move(mask);
  return Ok();
}

Status CheckProcess(const oci::Process& process) {
  if (process.args.empty()) return Error(Code::kInvalidArgument, "process.args: no command specified");
  if (process.cwd.empty() || process.cwd[0] != '/') {
    return Error(Code::kInvalidArgument, "process.cwd: '" + process.cwd + "' is not absolute");
  }
  for (const std::string& arg : process.args) {
    if (HasNul(arg)) return Error(Code::kInvalidArgument, "process.args: holds a NUL byte");
  }
  for (const std::string& entry : process.env) {
    if (HasNul(entry)) return Error(Code::kInvalidArgument, "process.env: holds a NUL byte");
  }
  return Ok();
}

void AddResolveUser(Builder& b, const oci::Process& process) {
  const std::string& name = process.user.username;
  if (name.empty() && HasHome(process.env)) return;
  b.Host(Op::kResolveUser, "process.user", {name}, {process.user.uid, process.user.gid}).in = {b.root};
}

Status AddProcess(Builder& b, const ProcessInput& input) {
  const oci::Process& process = input.process;
  if (input.new_session_keyring) b.Child(child::Op::kSessionKeyring, "default", {"_ses." + input.id});
  b.Child(child::Op::kNewSession, "process.terminal").in = {b.terminal};
  b.Child(child::Op::kStdio, "process.terminal").in = {b.terminal};
  // Also where hooks are still to run: a lock of ours must not outlive us in a container that waits to be started.
  b.Child(child::Op::kCloseDescriptors, "default");
  TRY(AddPlacement(b, input));
  TRY(AddRlimits(b, input));
  b.Child(child::Op::kChownStdio, "process.user", {}, {process.user.uid});
  b.Child(child::Op::kWorkDirectory, "process.cwd", {process.cwd});
  TRY(AddPrivileges(b, input));
  b.Child(child::Op::kUmask, "process.user.umask", {}, {process.user.umask.value_or(022)});
  b.Child(child::Op::kWaitHost, "network");
  b.Child(child::Op::kFindProgram, "process.args", {process.args[0]});
  b.Child(child::Op::kWaitStart, "start");
  if (!input.exec) AddChildHooks(b, input.spec.hooks.start_container, "hooks.startContainer");
  b.Child(child::Op::kExec, "process.args", process.args);
  return Ok();
}

}  // namespace estiba::plan
