#include <algorithm>
#include <set>

#include "base/parse.h"
#include "base/text.h"
#include "oci/runtime_json.h"

namespace estiba::oci {
namespace {

Error Invalid(const std::string& field, const std::string& what) {
  return Error(Code::kInvalidArgument, field + ": " + what);
}

std::string At(const char* list, std::size_t index) { return std::string(list) + "[" + std::to_string(index) + "]"; }

// Every 1.x: a newer minor version only adds fields, which are ignored.
Status CheckVersion(const std::string& version) {
  if (version.empty()) return Invalid("ociVersion", "missing");
  const auto parts = Split(version, '.');
  const bool numbers = parts.size() >= 3 && std::ranges::all_of(parts[1], [](char c) { return c >= '0' && c <= '9'; });
  if (!numbers || parts[1].empty()) return Invalid("ociVersion", "'" + version + "' is not a version");
  if (parts[0] != "1") return Invalid("ociVersion", "unsupported version '" + version + "'");
  return Ok();
}

Status CheckRlimits(const std::vector<Rlimit>& limits) {
  static constexpr std::string_view kTypes[] = {
      "RLIMIT_AS",      "RLIMIT_CORE",       "RLIMIT_CPU",    "RLIMIT_DATA", "RLIMIT_FSIZE",  "RLIMIT_LOCKS",
      "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",   "RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
      "RLIMIT_RTPRIO",  "RLIMIT_RTTIME",     "RLIMIT_SIGPENDING", "RLIMIT_STACK"};
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const Rlimit& limit = limits[i];
    const std::string where = At("process.rlimits", i);
    if (std::ranges::find(kTypes, limit.type) == std::end(kTypes))
      return Invalid(where + ".type", "unknown limit '" + limit.type + "'");
    if (!seen.insert(limit.type).second) return Invalid(where + ".type", "'" + limit.type + "' is there twice");
    if (limit.soft > limit.hard) return Invalid(where, "the soft limit is above the hard one");
  }
  return Ok();
}

Status CheckScheduler(const Scheduler& scheduler) {
  static constexpr std::string_view kPolicies[] = {"SCHED_OTHER", "SCHED_FIFO",  "SCHED_RR",      "SCHED_BATCH",
                                                   "SCHED_ISO",   "SCHED_IDLE",  "SCHED_DEADLINE"};
  if (std::ranges::find(kPolicies, scheduler.policy) == std::end(kPolicies))
    return Invalid("process.scheduler.policy", "unknown policy '" + scheduler.policy + "'");
  static constexpr std::string_view kFlags[] = {
      "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",     "SCHED_FLAG_DL_OVERRUN",    "SCHED_FLAG_KEEP_POLICY",
      "SCHED_FLAG_KEEP_PARAMS",   "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"};
  for (const std::string& flag : scheduler.flags)
    if (std::ranges::find(kFlags, flag) == std::end(kFlags))
      return Invalid("process.scheduler.flags", "unknown flag '" + flag + "'");
  if (scheduler.nice < -20 || scheduler.nice > 19)
    return Invalid("process.scheduler.nice", std::to_string(scheduler.nice) + " is not from -20 to 19");
  const bool realtime = scheduler.policy == "SCHED_FIFO" || scheduler.policy == "SCHED_RR";
  if (scheduler.priority != 0 && !realtime)
    return Invalid("process.scheduler.priority", "only for SCHED_FIFO and SCHED_RR");
  if ((scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0) &&
      scheduler.policy != "SCHED_DEADLINE")
    return Invalid("process.scheduler", "runtime, deadline and period are for SCHED_DEADLINE");
  return Ok();
}

Status CheckIoPriority(const IoPriority& priority) {
  static constexpr std::string_view kClasses[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"};
  if (std::ranges::find(kClasses, priority.io_class) == std::end(kClasses))
    return Invalid("process.ioPriority.class", "unknown class '" + priority.io_class + "'");
  if (priority.priority < 0 || priority.priority > 7)
    return Invalid("process.ioPriority.priority", std::to_string(priority.priority) + " is not from 0 to 7");
  return Ok();
}

Status CheckAffinity(const CpuAffinity& affinity) {
  if (!affinity.initial.empty()) TRY_CTX(ParseNumberList(affinity.initial), "process.execCPUAffinity.initial");
  if (!affinity.final_cpus.empty()) TRY_CTX(ParseNumberList(affinity.final_cpus), "process.execCPUAffinity.final");
  return Ok();
}

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status CheckHooks(const Hooks& hooks) {
  struct Kind {
    const char* name;
    const std::vector<Hook>* list;
  };
  for (const Kind kind : {Kind{"hooks.prestart", &hooks.prestart}, Kind{"hooks.createRuntime", &hooks.create_runtime},
                          Kind{"hooks.createContainer", &hooks.create_container},
                          Kind{"hooks.startContainer", &hooks.start_container},
                          Kind{"hooks.poststart", &hooks.poststart}, Kind{"hooks.poststop", &hooks.poststop}}) {
    for (std::size_t i = 0; i < kind.list->size(); ++i) {
      const Hook& hook = (*kind.list)[i];
      if (!hook.path.starts_with('/'))
        return Invalid(At(kind.name, i) + ".path", "'" + hook.path + "' is not an absolute path");
      if (hook.timeout && *hook.timeout <= 0)
        return Invalid(At(kind.name, i) + ".timeout", std::to_string(*hook.timeout) + " is not above zero");
    }
  }
  return Ok();
}

// As the kernel has it (dev_valid_name()); a pattern may hold one "%d", for the first free number.
bool IsLinkName(std::string name, bool pattern) {
  if (const auto percent = name.find("%d"); pattern && percent != std::string::npos) name.replace(percent, 2, "0");
  return !name.empty() && name.size() < 16 && name != "." && name != ".." &&
         name.find_first_of("/: \t\n\r\v\f%") == std::string::npos;
}

Status CheckNamespaces(const Linux& config) {
  std::set<NamespaceType> seen;
  for (std::size_t i = 0; i < config.namespaces.size(); ++i) {
    const Namespace& entry = config.namespaces[i];
    const std::string where = At("linux.namespaces", i);
    if (!seen.insert(entry.type).second)
      return Invalid(where, std::string("namespace '") + NamespaceName(entry.type) + "' is there twice");
    if (!entry.path.empty() && !entry.path.starts_with('/'))
      return Invalid(where + ".path", "'" + entry.path + "' is not an absolute path");
  }
  const bool user = HasNewNamespace(config, NamespaceType::kUser);
  if (!user && !config.uid_mappings.empty() && FindNamespace(config, NamespaceType::kUser) == nullptr)
    return Invalid("linux.uidMappings", "needs a user namespace");
  if (user && (config.uid_mappings.empty() || config.gid_mappings.empty()))
    return Invalid("linux.uidMappings", "a new user namespace needs uidMappings and gidMappings");
  if ((config.monotonic_offset || config.boottime_offset) && !HasNewNamespace(config, NamespaceType::kTime))
    return Invalid("linux.timeOffsets", "needs a new time namespace");
  if (!config.net_devices.empty() && FindNamespace(config, NamespaceType::kNetwork) == nullptr)
    return Invalid("linux.netDevices", "needs a network namespace");
  for (const NetDevice& device : config.net_devices) {
    const std::string where = "linux.netDevices." + device.host_name;
    if (!IsLinkName(device.host_name, /*pattern=*/false)) return Invalid(where, "is no name of a network device");
    if (!device.name.empty() && !IsLinkName(device.name, /*pattern=*/true))
      return Invalid(where + ".name", "'" + device.name + "' is no name of a network device");
  }
  return Ok();
}

Status CheckPaths(const Linux& config) {
  for (std::size_t i = 0; i < config.devices.size(); ++i)
    if (!config.devices[i].path.starts_with('/'))
      return Invalid(At("linux.devices", i) + ".path", "'" + config.devices[i].path + "' is not an absolute path");
  for (std::size_t i = 0; i < config.masked_paths.size(); ++i)
    if (!config.masked_paths[i].starts_with('/'))
      return Invalid(At("linux.maskedPaths", i), "'" + config.masked_paths[i] + "' is not an absolute path");
  for (std::size_t i = 0; i < config.readonly_paths.size(); ++i)
    if (!config.readonly_paths[i].starts_with('/'))
      return Invalid(At("linux.readonlyPaths", i), "'" + config.readonly_paths[i] + "' is not an absolute path");
  static constexpr std::string_view kPropagations[] = {"",        "shared",  "rshared",    "slave",      "rslave",
                                                       "private", "rprivate", "unbindable", "runbindable"};
  if (std::ranges::find(kPropagations, config.rootfs_propagation) == std::end(kPropagations))
    return Invalid("linux.rootfsPropagation", "unknown mode '" + config.rootfs_propagation + "'");
  return Ok();
}

Status CheckIntelRdt(const IntelRdt& rdt) {
  const bool root = rdt.clos_id == "/";
  if (!root && (rdt.clos_id.find('/') != std::string::npos || rdt.clos_id == "." || rdt.clos_id == ".."))
    return Invalid("linux.intelRdt.closID", "'" + rdt.clos_id + "' is no name of a class");
  std::vector<std::string> lines = rdt.schemata;
  lines.push_back(rdt.l3_cache_schema);
  lines.push_back(rdt.mem_bw_schema);
  for (const std::string& line : lines)
    if (line.find('\0') != std::string::npos) return Invalid("linux.intelRdt", "a schema holds a NUL");
  return Ok();
}

constexpr std::string_view kPolicyModes[] = {"MPOL_DEFAULT",  "MPOL_BIND",           "MPOL_INTERLEAVE",
                                             "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY",
                                             "MPOL_LOCAL"};
constexpr std::string_view kPolicyFlags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"};

Status CheckMemoryPolicy(const MemoryPolicy& policy) {
  if (std::ranges::find(kPolicyModes, policy.mode) == std::end(kPolicyModes))
    return Invalid("linux.memoryPolicy.mode", "invalid memory policy mode '" + policy.mode + "'");
  for (const std::string& flag : policy.flags)
    if (std::ranges::find(kPolicyFlags, flag) == std::end(kPolicyFlags))
      return Invalid("linux.memoryPolicy.flags", "invalid memory policy flag '" + flag + "'");
  return Ok();
}

}  // namespace

std::vector<std::string> MemoryPolicyModes() { return {std::begin(kPolicyModes), std::end(kPolicyModes)}; }
std::vector<std::string> MemoryPolicyFlags() { return {std::begin(kPolicyFlags), std::end(kPolicyFlags)}; }

Result<std::string> ParseNumberList(std::string_view text) {
  constexpr std::uint64_t kLast = 8191;
  std::string mask;
  for (const std::string& part : Split(text, ',')) {
    const std::vector<std::string> ends = Split(part, '-');
    const auto first = ParseUint(ends.front(), kLast);
    const auto last = ParseUint(ends.back(), kLast);
    if (ends.size() > 2 || !first.ok() || !last.ok() || *first > *last)
      return Error(Code::kInvalidArgument, "'" + std::string(text) + "' is no list of numbers up to 8191");
    if (mask.size() <= *last / 8) mask.resize((*last / 64 + 1) * 8, '\0');
    for (std::uint64_t n = *first; n <= *last; ++n)
      mask[n / 8] = static_cast<char>(static_cast<unsigned char>(mask[n / 8]) | 1U << (n % 8));
  }
  return mask;
}

Status ValidateProcess(const Process& process) {
  if (!process.cwd.starts_with('/')) return Invalid("process.cwd", "'" + process.cwd + "' is not an absolute path");
  if (process.args.empty()) return Invalid("process.args", "args must not be empty");
  for (const auto* list : {&process.args, &process.env})
    if (std::ranges::any_of(*list, HasNul)) return Invalid("process", "an argument or variable holds a NUL");
  if (process.oom_score_adj && (*process.oom_score_adj < -1000 || *process.oom_score_adj > 1000))
    return Invalid("process.oomScoreAdj", std::to_string(*process.oom_score_adj) + " is not from -1000 to 1000");
  TRY(CheckRlimits(process.rlimits));
  if (process.scheduler) TRY(CheckScheduler(*process.scheduler));
  if (process.io_priority) TRY(CheckIoPriority(*process.io_priority));
  if (process.exec_cpu_affinity) TRY(CheckAffinity(*process.exec_cpu_affinity));
  if (process.user.umask.value_or(0) > 0777) return Invalid("process.user.umask", "has bits above 0777");
  return Ok();
}

Status ValidateRuntimeSpec(const RuntimeSpec& spec) {
  TRY(CheckVersion(spec.oci_version));
  if (spec.root.path.empty()) return Invalid("root.path", "missing");
  if (spec.process) TRY(ValidateProcess(*spec.process));
  for (std::size_t i = 0; i < spec.mounts.size(); ++i)
    if (spec.mounts[i].destination.empty()) return Invalid(At("mounts", i) + ".destination", "missing");
  TRY(CheckHooks(spec.hooks));
  const Linux& config = spec.linux_config;
  TRY(CheckNamespaces(config));
  if (!spec.hostname.empty() && FindNamespace(config, NamespaceType::kUts) == nullptr)
    return Invalid("hostname", "unable to set hostname without a private UTS namespace");
  if (!spec.domainname.empty() && FindNamespace(config, NamespaceType::kUts) == nullptr)
    return Invalid("domainname", "unable to set domainname without a private UTS namespace");
  TRY(CheckPaths(config));
  if (!config.personality.empty() && config.personality != "LINUX" && config.personality != "LINUX32")
    return Invalid("linux.personality.domain", "unknown domain '" + config.personality + "'");
  if (config.intel_rdt) TRY(CheckIntelRdt(*config.intel_rdt));
  if (config.memory_policy) TRY(CheckMemoryPolicy(*config.memory_policy));
  return Ok();
}

}  // namespace estiba::oci
