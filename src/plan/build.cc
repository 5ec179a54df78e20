#include "plan/build.h"

#include <algorithm>

#include <fcntl.h>
#include <sched.h>

#include "builder.h"
#include "explain_json.h"

namespace estiba::plan {
namespace {

using oci::NamespaceType;

bool HasHooks(const oci::Hooks& hooks) {
  return !(hooks.prestart.empty() && hooks.create_runtime.empty() && hooks.create_container.empty() &&
           hooks.start_container.empty() && hooks.poststart.empty() && hooks.poststop.empty());
}

Status CheckHooks(const std::vector<oci::Hook>& hooks, const char* name) {
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    if (hooks[i].path.empty() || hooks[i].path[0] != '/') {
      return Error(Code::kInvalidArgument, Indexed(name, i) + ": path '" + hooks[i].path + "' is not absolute");
    }
    if (hooks[i].timeout.has_value() && *hooks[i].timeout <= 0) {
      return Error(Code::kInvalidArgument, Indexed(name, i) + ": timeout must be above 0");
    }
  }
  return Ok();
}

Status CheckAllHooks(const oci::Hooks& hooks) {
  TRY(CheckHooks(hooks.prestart, "hooks.prestart"));
  TRY(CheckHooks(hooks.create_runtime, "hooks.createRuntime"));
  TRY(CheckHooks(hooks.create_container, "hooks.createContainer"));
  TRY(CheckHooks(hooks.start_container, "hooks.startContainer"));
  TRY(CheckHooks(hooks.poststart, "hooks.poststart"));
  return CheckHooks(hooks.poststop, "hooks.poststop");
}

// The state document around status and pid, which only the runtime knows.
void AddStateDocument(Plan& plan, const oci::RuntimeSpec& spec, const std::string& bundle) {
  const bool agent = spec.linux_config.seccomp.has_value() && !spec.linux_config.seccomp->listener_path.empty();
  if (!HasHooks(spec.hooks) && !agent) return;
  plan.bundle = bundle;
  plan.state_json_head = "{\"ociVersion\":" + JsonString(spec.oci_version) + ",\"id\":" + JsonString(plan.id);
  std::string tail = ",\"bundle\":" + JsonString(bundle);
  tail += ",\"annotations\":{";
  for (std::size_t i = 0; i < spec.annotations.size(); ++i) {
    const auto& [key, value] = spec.annotations[i];
    tail += (i == 0 ? "" : ",") + JsonString(key) + ":" + JsonString(value);
  }
  plan.state_json_tail = tail + "}}";
}

void AddTerminal(Builder& b, const oci::Process& process, bool console, bool relayed) {
  if (!process.terminal) return;
  b.plan().terminal = true;
  if (process.console_size.has_value()) {
    b.plan().rows = static_cast<std::uint16_t>(process.console_size->height);
    b.plan().columns = static_cast<std::uint16_t>(process.console_size->width);
  }
  b.terminal = b.NewSlot();
  Step& step = b.Child(child::Op::kOpenTerminal, "process.terminal", {},
                       {b.plan().rows, b.plan().columns, console ? 1ULL : 0ULL});
  if (relayed) step.numbers.push_back(1);
  step.in = {b.root};
  step.out = b.terminal;
}

// Steps of the host come first and steps after the program last; everything between keeps its order.
void Arrange(Plan& plan) {
  const auto rank = [](const Step& step) {
    return step.where == Where::kHost ? 0 : step.where == Where::kAfter ? 2 : 1;
  };
  std::stable_sort(plan.steps.begin(), plan.steps.end(),
                   [&](const Step& a, const Step& b) { return rank(a) < rank(b); });
}

// When everything is mounted and nothing is hidden yet.
void AddHooksBeforeThePivot(Builder& b, const oci::RuntimeSpec& spec) {
  const oci::Hooks& hooks = spec.hooks;
  if (!hooks.prestart.empty() || !hooks.create_runtime.empty()) {
    b.Child(child::Op::kReport, "hooks.createRuntime");
    AddHostHooks(b, hooks.prestart, "hooks.prestart", Where::kHostChild);
    AddHostHooks(b, hooks.create_runtime, "hooks.createRuntime", Where::kHostChild);
  }
  if (hooks.prestart.empty() && hooks.create_runtime.empty() && hooks.create_container.empty()) return;
  // A hook in the container's namespaces also finds what the host does beside the child: its network.
  b.Child(child::Op::kWaitHost, "hooks.createRuntime");
  AddChildHooks(b, hooks.create_container, "hooks.createContainer");
}

// In the child before the pivot: namespaces, their settings, the mounts.
Status AddChildSetup(Builder& b, const ContainerInput& input, const std::vector<int>& sources) {
  const oci::RuntimeSpec& spec = input.spec;
  // First: a real-time caller's child could not join a cpu cgroup without real-time budget.
  if (input.isolate_from_parent) b.Child(child::Op::kResetInherited, "default");
  TRY(AddUserNamespace(b, input));
  TRY(AddJoinCgroup(b));
  if (input.every_cpu) AddEveryCpu(b);
  AddDeviceRules(b, spec.linux_config.resources);
  TRY(AddNamespaces(b, input));
  TRY(AddSysctls(b, spec));
  if (!spec.hostname.empty()) b.Child(child::Op::kHostname, "hostname", {spec.hostname});
  if (!spec.domainname.empty()) b.Child(child::Op::kDomainname, "domainname", {spec.domainname});
  AddNetwork(b, input);
  b.null_device = b.NewSlot();
  b.Child(child::Op::kOpenNull, "linux.maskedPaths").out = b.null_device;
  TRY(AddMounts(b, input, sources));
  AddDevices(b, spec);
  AddTerminal(b, *spec.process, !IsDevMountedByUser(spec), input.relayed_terminal);
  if (spec.process->cwd != "/") {
    b.Child(child::Op::kMakeDirectory, "process.cwd", {spec.process->cwd}, {0755}).in = {b.root};
  }
  AddHooksBeforeThePivot(b, spec);
  AddPathRestrictions(b, spec);
  return Ok();
}

child::Op WayIntoRoot(const ContainerInput& input) {
  if (SharesHostMounts(input.spec.linux_config)) return child::Op::kChangeRoot;
  return input.no_pivot ? child::Op::kMoveRoot : child::Op::kPivot;
}

Status AddRoot(Builder& b, const ContainerInput& input, const LabelFiles& labels) {
  const oci::RuntimeSpec& spec = input.spec;
  b.Child(WayIntoRoot(input), "root").in = {b.root};
  b.EnterRoot();
  if (!spec.linux_config.rootfs_propagation.empty()) {
    bool recursive = false;
    const std::uint64_t propagation =
        TRY_CTX(ParsePropagation(spec.linux_config.rootfs_propagation, &recursive), "linux.rootfsPropagation");
    b.Child(child::Op::kSetAttributes, "linux.rootfsPropagation", {}, {0, 0, propagation, recursive ? 1ULL : 0ULL})
        .in = {b.root};
  }
  WriteLabels(b, *spec.process, labels);
  return AddProcess(b, {spec, *spec.process, input.isolate_from_parent, input.new_session_keyring, false, input.id,
                        input.seccomp});
}

}  // namespace

Result<Plan> BuildContainer(const ContainerInput& input, const HostFacts& facts) {
  const oci::RuntimeSpec& spec = input.spec;
  if (!spec.process.has_value()) return Error(Code::kInvalidArgument, "process: is missing");
  TRY(CheckProcess(*spec.process));
  TRY(CheckAllHooks(spec.hooks));
  TRY(CheckLabels(*spec.process, facts));
  TRY(CheckMountLabel(spec, facts));
  Builder b(facts);
  b.plan().id = input.id;
  b.plan().name = input.name.empty() ? input.id : input.name;
  b.plan().args = spec.process->args;
  b.plan().env = spec.process->env;
  AddStateDocument(b.plan(), spec, input.bundle);
  b.new_user = oci::FindNamespace(spec.linux_config, NamespaceType::kUser) != nullptr;

  std::vector<int> sources;
  TRY(AddStorage(b, input));
  TRY(AddMountSources(b, input, sources));
  TRY(AddCgroup(b, input));
  TRY(AddIntelRdt(b, spec, input.id));
  AddResolveUser(b, *spec.process);
  if (spec.process->oom_score_adj.has_value()) {
    b.Add(Op::kOomScore, Where::kHostChild, "process.oomScoreAdj", {std::to_string(*spec.process->oom_score_adj)});
  } else if (input.isolate_from_parent) {
    b.Add(Op::kOomScore, Where::kHostChild, "default", {"0"}, {1});
  }
  const LabelFiles labels = OpenLabelFiles(b, *spec.process, input.new_session_keyring);
  TRY(AddChildSetup(b, input, sources));
  TRY(AddRoot(b, input, labels));
  AddHostHooks(b, spec.hooks.poststart, "hooks.poststart", Where::kAfter);
  AddHostHooks(b, spec.hooks.poststop, "hooks.poststop", Where::kAfter);
  Arrange(b.plan());
  return std::move(b.plan());
}

Result<Plan> BuildExec(const ExecInput& input, const HostFacts& facts) {
  TRY(CheckProcess(input.process));
  TRY(CheckLabels(input.process, facts));
  Builder b(facts);
  Plan& plan = b.plan();
  plan.kind = Kind::kExec;
  plan.id = input.id;
  plan.name = input.name.empty() ? input.id : input.name;
  plan.args = input.process.args;
  plan.env = input.process.env;
  AddStateDocument(plan, input.spec, input.bundle);
  const int target = b.NewSlot();  // slot 0: the pidfd of the container's PID 1, filled by the runtime
  const bool cgroup = facts.cgroups_writable && facts.cgroups.mode != cgroup::Mode::kNone;
  if (cgroup) plan.cgroup_path = input.cgroup_path;
  AddResolveUser(b, input.process);
  if (input.isolate_from_parent) b.Child(child::Op::kResetInherited, "default");
  const auto& affinity = input.process.exec_cpu_affinity;
  if (affinity.has_value() && !affinity->initial.empty()) {
    TRY(AddAffinity(b, affinity->initial, "process.execCPUAffinity.initial"));
  } else if (input.every_cpu) {
    AddEveryCpu(b);
  }
  if (!input.user_scope.empty() && input.sub_cgroups.empty()) {
    b.Add(Op::kJoinScope, Where::kHostChild, "linux.cgroupsPath", {input.user_scope}, {1});
    b.in_scope = true;
  }
  TRY(AddJoinCgroup(b, input.sub_cgroups));
  const LabelFiles labels = OpenLabelFiles(b, input.process, /*session_keyring=*/true);
  plan.clone_flags = NamespaceFlags(input.spec.linux_config, facts);
  // The pid namespace is entered by being born there; so is the user namespace by who may enter the others only from
  // inside it.
  std::uint64_t born = CLONE_NEWPID;
  if (facts.plain_user) born |= CLONE_NEWUSER;
  const std::uint64_t joined = plan.clone_flags & ~born;
  if (joined != 0) b.Child(child::Op::kSetNamespace, "exec", {}, {joined}).in = {target};
  if (oci::FindNamespace(input.spec.linux_config, NamespaceType::kUser) != nullptr) {
    b.new_user = true;
    AddBecomeRoot(b);
  }
  if (SharesHostMounts(input.spec.linux_config)) {  // no namespace's root is the container's
    const int root = b.NewSlot();
    b.Host(Op::kOpenInitRoot, "exec").out = root;
    b.Child(child::Op::kChangeRoot, "exec").in = {root};
  }
  b.EnterRoot();
  b.root = b.NewSlot();
  b.Child(child::Op::kOpenFile, "exec", {"/"}, {O_PATH | O_DIRECTORY}).out = b.root;
  AddTerminal(b, input.process, /*console=*/false, input.relayed_terminal);
  WriteLabels(b, input.process, labels);
  TRY(AddProcess(b, {input.spec, input.process, input.isolate_from_parent, true, true, input.id, input.seccomp}));
  Arrange(plan);
  return std::move(plan);
}

}  // namespace estiba::plan
