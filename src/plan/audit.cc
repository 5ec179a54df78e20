#include "plan/audit.h"

#include <algorithm>
#include <set>

#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>

#include "audit_rules.h"
#include "child/step.h"
#include "describe.h"
#include "security/capability.h"

namespace estiba::plan {
namespace {

using C = child::Op;

constexpr std::uint64_t kMsShared = 1U << 20;

C ChildOpOf(const Step& step) {
  return step.op > Op::kChildBase
             ? static_cast<C>(static_cast<unsigned>(step.op) - static_cast<unsigned>(Op::kChildBase))
             : C::kNone;
}

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// "/var/run" is "/run" everywhere.
std::string Plain(const std::string& path) { return path.starts_with("/var/run/") ? path.substr(4) : path; }

bool IsAt(const std::string& path, const std::string& place) {
  return path == place || (path.starts_with(place) && path[place.size()] == '/');
}

class Auditor {
 public:
  Auditor(const Plan& plan, const AuditOptions& options) : plan_(plan), options_(options) {}

  std::vector<Finding> Run() {
    Look();
    Namespaces();
    Identity();
    Capabilities();
    Kernel();
    Mounts();
    Devices();
    Limits();
    Others();
    std::ranges::stable_sort(findings_,
                             [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    return std::move(findings_);
  }

 private:
  void Look();
  void Namespaces();
  void Identity();
  void Capabilities();
  void Kernel();
  void Paths();
  void Mounts();
  void HostBind(const Step& open, bool readonly);
  void KernelMount(const Step& mount);
  void Devices();
  void DeviceRules(const Step& step);
  void Limits();
  void Others();

  void Find(RuleId id, std::string field, const std::string& operand = {}) {
    Find(id, RuleOf(id).severity, std::move(field), operand);
  }
  void Find(RuleId id, Severity severity, std::string field, const std::string& operand = {});
  const Step* First(C op) const;
  template <typename Visit>
  void Each(C op, Visit visit) const {
    for (const Step& step : plan_.steps) {
      if (ChildOpOf(step) == op) visit(step);
    }
  }
  bool Has(std::uint64_t flag) const { return ((made_ | joined_) & flag) != 0; }
  // Whether root of the container is nobody on the host.
  bool Mapped() const { return options_.rootless || Has(CLONE_NEWUSER); }
  // A user namespace takes the teeth from most that is the kernel's.
  Severity Less(Severity severity) const {
    return Mapped() && severity != Severity::kLow ? static_cast<Severity>(static_cast<int>(severity) - 1)
                                                  : severity;
  }

  const Plan& plan_;
  const AuditOptions& options_;
  std::vector<Finding> findings_;
  std::uint64_t made_ = 0;  // CLONE_NEW…
  std::uint64_t joined_ = 0;
};

void Auditor::Find(RuleId id, Severity severity, std::string field, const std::string& operand) {
  const Rule& rule = RuleOf(id);
  findings_.push_back({severity, rule.name, std::move(field),
                       Fill(rule.reason.In(options_.language), {&operand, 1}),
                       Fill(rule.remedy.In(options_.language), {&operand, 1})});
}

const Step* Auditor::First(C op) const {
  const auto found =
      std::ranges::find_if(plan_.steps, [&](const Step& step) { return ChildOpOf(step) == op; });
  return found == plan_.steps.end() ? nullptr : &*found;
}

void Auditor::Look() {
  made_ = plan_.clone_flags;
  Each(C::kUnshare, [&](const Step& step) { made_ |= NumberAt(step, 0); });
  for (const Step& step : plan_.steps) {
    if (step.op != Op::kOpenNamespace) continue;
    // PID 1's are the host's.
    if (TextAt(step, 0).starts_with("/proc/1/ns/")) continue;
    joined_ |= NumberAt(step, 0);
  }
}

void Auditor::Namespaces() {
  const struct {
    std::uint64_t flag;
    RuleId rule;
  } kShared[] = {{CLONE_NEWNS, RuleId::kHostMounts},
                 {CLONE_NEWPID, RuleId::kHostPid},
                 {CLONE_NEWNET, RuleId::kHostNetwork},
                 {CLONE_NEWIPC, RuleId::kHostIpc},
                 {CLONE_NEWUTS, RuleId::kHostUts},
                 {CLONE_NEWCGROUP, RuleId::kHostCgroup}};
  for (const auto& each : kShared) {
    if (!Has(each.flag)) Find(each.rule, "linux.namespaces");
  }
  for (const Step& step : plan_.steps) {
    const bool joined = step.op == Op::kOpenNamespace && (joined_ & NumberAt(step, 0)) != 0;
    if (joined) Find(RuleId::kJoinedNamespace, step.why, Quote(TextAt(step, 0)));
  }
}

void Auditor::Identity() {
  if (Mapped()) return;
  const Step* identity = First(C::kIdentity);
  const bool root = identity == nullptr || (identity->text.empty() && NumberAt(*identity, 0) == 0);
  Find(root ? RuleId::kRootOfHost : RuleId::kNoUserNamespace, root ? "process.user" : "linux.namespaces");
}

void Auditor::Capabilities() {
  const Step* bounding = First(C::kDropBounding);
  const std::uint64_t set = bounding == nullptr ? ~std::uint64_t{0} : NumberAt(*bounding, 0);
  for (const CapabilityRule& rule : CapabilityRules()) {
    if ((set >> rule.number & 1) == 0) continue;
    const std::string name = security::CapabilityName(rule.number);
    std::string id = name;
    for (char& c : id) c = c == '_' ? '-' : static_cast<char>(c | 0x20);
    findings_.push_back({Less(rule.severity), std::move(id), "process.capabilities",
                         name + ": " + rule.reason.In(options_.language),
                         Fill(kCapabilityRemedy.In(options_.language), {&name, 1})});
  }
  const std::uint64_t network =
      set & (security::CapabilityBit(12) | security::CapabilityBit(13));  // ADMIN, RAW
  if (network != 0 && !Has(CLONE_NEWNET)) {
    const RuleId id = RuleId::kHostNetworkAdmin;
    Find(id, Less(RuleOf(id).severity), "process.capabilities", Join(security::CapabilityNames(network)));
  }
  const Step* sets = First(C::kCapabilities);
  if (sets == nullptr) return;
  if (const auto names = security::CapabilityNames(NumberAt(*sets, 2)); !names.empty())
    Find(RuleId::kInheritable, "process.capabilities.inheritable", Join(names));
  if (const auto names = security::CapabilityNames(NumberAt(*sets, 3)); !names.empty())
    Find(RuleId::kAmbient, "process.capabilities.ambient", Join(names));
}

void Auditor::Kernel() {
  if (First(C::kSeccomp) == nullptr) Find(RuleId::kNoSeccomp, "linux.seccomp");
  if (const Step* agent = First(C::kSendSeccompListener))
    Find(RuleId::kSeccompAgent, agent->why, Quote(TextAt(*agent, 0)));
  if (First(C::kNoNewPrivileges) == nullptr) Find(RuleId::kNewPrivileges, "process.noNewPrivileges");
  const auto label = std::ranges::find_if(plan_.steps, [](const Step& step) {
    return ChildOpOf(step) == C::kWriteSlot && step.why.starts_with("process.");
  });
  if (label == plan_.steps.end()) {
    const Severity severity = options_.security_module ? Severity::kMedium : RuleOf(RuleId::kNoLabel).severity;
    Find(RuleId::kNoLabel, severity, "process.apparmorProfile");
  } else if (TextAt(*label, 0) == "exec unconfined" ||
             TextAt(*label, 0).find(":unconfined_t:") != std::string::npos) {
    Find(RuleId::kUnconfined, label->why);
  }
  Paths();
}

void Auditor::Paths() {
  // What of Docker's list has told secrets or faults of the kernel.
  constexpr const char* kMasked[] = {"/proc/acpi",       "/proc/kcore", "/proc/keys",
                                     "/proc/timer_list", "/proc/scsi",  "/sys/firmware"};
  constexpr const char* kReadonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                       "/proc/sysrq-trigger"};
  std::set<std::string> masked;
  std::set<std::string> readonly;
  bool proc = false;
  Each(C::kMask, [&](const Step& step) { masked.insert(TextAt(step, 0)); });
  Each(C::kReadonlyPath, [&](const Step& step) { readonly.insert(TextAt(step, 0)); });
  Each(C::kMount, [&](const Step& step) {
    proc = proc || (TextAt(step, 0) == "proc" && (NumberAt(step, 0) & MOUNT_ATTR_RDONLY) == 0);
  });
  std::vector<std::string> seen;
  for (const char* path : kMasked) {
    if (!masked.contains(path)) seen.emplace_back(path);
  }
  if (!seen.empty())
    Find(RuleId::kUnmasked, Less(RuleOf(RuleId::kUnmasked).severity), "linux.maskedPaths", Join(seen));
  if (!proc || readonly.contains("/proc")) return;
  std::vector<std::string> writable;
  for (const char* path : kReadonly) {
    if (!readonly.contains(path) && !masked.contains(path)) writable.emplace_back(path);
  }
  if (writable.empty()) return;
  const RuleId id = RuleId::kWritableProc;
  Find(id, Less(RuleOf(id).severity), "linux.readonlyPaths", Join(writable));
}

void Auditor::HostBind(const Step& open, bool readonly) {
  const std::string source = Plain(TextAt(open, 0));
  if ((NumberAt(open, 3) & kMsShared) != 0) Find(RuleId::kSharedMount, open.why, Quote(TextAt(open, 0)));
  const HostPlace* worst = nullptr;
  std::optional<Severity> severity;
  for (const HostPlace& place : HostPlaces()) {
    const bool whole = source == "/" || IsAt(place.path, source);  // the place, or what it is in
    if (!whole && !(place.below && IsAt(source, place.path))) continue;
    std::optional<Severity> here = readonly ? place.readonly : std::optional(place.writable);
    // One file of a folder is not the folder.
    if (!whole && here.has_value() && *here > Severity::kMedium) here = Severity::kMedium;
    if (!here.has_value() || (severity.has_value() && *severity >= *here)) continue;
    severity = here;
    worst = &place;
  }
  if (worst == nullptr) return;
  const RuleId id = worst->rule == RuleId::kHostTree && readonly ? RuleId::kHostTreeReadOnly : worst->rule;
  const std::string name = Quote(worst->rule == RuleId::kEngineSocket ? worst->path : TextAt(open, 0));
  Find(id, id == RuleId::kEngineSocket ? *severity : Less(*severity), open.why, name);
}

void Auditor::KernelMount(const Step& mount) {
  const std::string& type = TextAt(mount, 0);
  if ((NumberAt(mount, 0) & MOUNT_ATTR_RDONLY) != 0) return;
  const std::string target = Quote(TextAt(mount, 2));
  if (type == "sysfs")
    Find(RuleId::kWritableSysfs, Less(RuleOf(RuleId::kWritableSysfs).severity), mount.why, target);
  if (type == "cgroup2")
    Find(RuleId::kWritableCgroup, Less(RuleOf(RuleId::kWritableCgroup).severity), mount.why, target);
}

void Auditor::Mounts() {
  std::set<std::string> cgroups;
  for (const Step& step : plan_.steps) {
    const std::uint64_t set = NumberAt(step, 1) | NumberAt(step, 5);
    if (step.op == Op::kOpenTree) {
      // Attributes are set by the child where the kernel cannot set them on what is not attached yet.
      bool late = false;
      Each(C::kAttach, [&](const Step& attach) {
        const bool same = attach.in.size() > 1 && attach.in[1] == step.out;
        late = late || (same && (NumberAt(attach, 0) & MOUNT_ATTR_RDONLY) != 0);
      });
      HostBind(step, late || (set & MOUNT_ATTR_RDONLY) != 0);
    } else if (step.op == Op::kOpenCgroupMount && (NumberAt(step, 0) & MOUNT_ATTR_RDONLY) == 0) {
      cgroups.insert(step.why);
    } else if (ChildOpOf(step) == C::kMount) {
      KernelMount(step);
    }
  }
  for (const std::string& why : cgroups)
    Find(RuleId::kWritableCgroup, Less(RuleOf(RuleId::kWritableCgroup).severity), why, "'/sys/fs/cgroup'");
  bool readonly = false;
  Each(C::kSetAttributes, [&](const Step& step) {
    readonly = readonly || step.why == "root.readonly";
    if ((NumberAt(step, 2) & kMsShared) != 0) Find(RuleId::kSharedRoot, step.why);
  });
  if (!readonly) Find(RuleId::kWritableRoot, "root.readonly");
}

void Auditor::Devices() {
  const auto look = [&](const Step& step) {
    if (!step.why.starts_with("linux.devices") || NumberAt(step, 0) == S_IFIFO) return;
    const std::string path = Quote(TextAt(step, step.text.size() > 1 ? 1 : 0));
    const std::uint64_t major = NumberAt(step, 1);
    const std::uint64_t minor = NumberAt(step, 2);
    const bool harmless = major == 1 && (minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9);
    if (NumberAt(step, 0) == S_IFBLK) {
      Find(RuleId::kBlockDevice, step.why, path);
    } else if (major == 1 && (minor == 1 || minor == 2 || minor == 4)) {  // mem, kmem, port
      Find(RuleId::kMemoryDevice, step.why, path);
    } else if (!harmless && major != 5) {
      Find(RuleId::kDevice, step.why, path);
    }
  };
  Each(C::kDevice, look);
  Each(C::kBindDevice, look);
  bool cgroup = false;
  for (const Step& step : plan_.steps) {
    cgroup = cgroup || step.op == Op::kCreateCgroup || step.op == Op::kStartScope;
    if (step.op == Op::kCgroupDevices) DeviceRules(step);
  }
  if (!cgroup) Find(RuleId::kNoCgroup, "linux.cgroupsPath");
}

// The last rule that speaks of everything decides; rules of one number are the list somebody made.
void Auditor::DeviceRules(const Step& step) {
  std::vector<std::string> open;
  for (const std::string& rule : step.text) {
    if (rule.starts_with("deny a")) open.clear();
    const bool wide = rule.starts_with("allow a") || rule.find(" *:") != std::string::npos;
    const std::string access = rule.substr(rule.rfind(' ') + 1);
    if (rule.starts_with("allow") && wide && access != "m") open.push_back(rule);
  }
  for (const std::string& rule : open)
    Find(RuleId::kAnyDevice, Less(RuleOf(RuleId::kAnyDevice).severity), step.why, rule);
}

void Auditor::Limits() {
  bool memory = false;
  bool pids = false;
  bool cpu = false;
  for (const Step& step : plan_.steps) {
    if (step.op != Op::kWriteCgroup) continue;
    const std::string file = TextAt(step, 1);
    const std::string value = TextAt(step, 2);
    if (value == "max" || value.starts_with("max ") || value == "-1") continue;
    memory = memory || file == "memory.max" || file == "memory.limit_in_bytes" || file == "memory.high";
    pids = pids || file == "pids.max";
    cpu = cpu || file == "cpu.max" || file == "cpu.cfs_quota_us" || file == "cpu.shares" ||
          file == "cpu.weight" || file == "cpuset.cpus";
  }
  if (!memory) Find(RuleId::kNoMemoryLimit, "linux.resources.memory.limit");
  if (!pids) Find(RuleId::kNoPidsLimit, "linux.resources.pids.limit");
  if (!cpu) Find(RuleId::kNoCpuLimit, "linux.resources.cpu");
}

void Auditor::Others() {
  for (const Step& step : plan_.steps) {
    const C op = ChildOpOf(step);
    const bool outside =
        step.op == Op::kRunHook || (op == C::kHook && !step.why.starts_with("hooks.startContainer"));
    if (outside) Find(RuleId::kHostHook, step.why, Quote(TextAt(step, 0)));
    if (op == C::kMoveRoot) Find(RuleId::kNoPivot, "--no-pivot");
    if (step.op == Op::kOomScore && TextAt(step, 0).starts_with('-'))
      Find(RuleId::kOomProtected, step.why, TextAt(step, 0));
    if (step.op != Op::kPublishPorts) continue;
    for (const std::string& port : step.text) {
      if (port.starts_with("0.0.0.0:")) Find(RuleId::kOpenPort, step.why, port.substr(0, port.find(' ')));
    }
  }
}

}  // namespace

std::vector<Finding> Audit(const Plan& plan, const AuditOptions& options) {
  return Auditor(plan, options).Run();
}

}  // namespace estiba::plan
