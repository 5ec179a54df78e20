// The container's cgroups: made and limited before the clone, joined by the child itself, mounted read-only inside.

#include <linux/mount.h>
#include <sched.h>

#include <algorithm>

#include "base/text.h"
#include "builder.h"
#include "cgroup/settings.h"

namespace estiba::plan {
namespace {

// What a hierarchy is asked for by.
std::string HierarchyKey(const cgroup::Hierarchy& hierarchy) {
  if (hierarchy.unified) return "unified";
  if (!hierarchy.controllers.empty()) return hierarchy.controllers.front();
  return hierarchy.name.empty() ? std::string() : "name=" + hierarchy.name;
}

std::string RuleText(const oci::DeviceRule& rule) {
  const auto number = [](const std::optional<std::int64_t>& value) {
    return !value.has_value() || *value < 0 ? std::string("*") : std::to_string(*value);
  };
  return std::string(rule.allow ? "allow " : "deny ") + rule.type + " " + number(rule.major) + ":" +
         number(rule.minor) + " " + rule.access;
}

Status RefuseLimits(const ContainerInput& input, const HostFacts& facts) {
  const auto writes = TRY(cgroup::Settings(input.spec.linux_config.resources, facts.cgroups));
  for (const cgroup::Write& write : writes) {
    if (write.optional) continue;
    return Error(Code::kFailedPrecondition, write.field + ": this user may not limit it")
        .Hint("limits need a cgroup that is delegated to the user (systemd: Delegate=yes)");
  }
  return Ok();
}

// No device rules without a cgroup: what root starts is then refused, as runc and crun do.
Error RefusedRoot(const cgroup::Hierarchies& cgroups, const std::string& path) {
  constexpr const char* kHint = "without device rules and limits: --cgroup-manager=disabled";
  if (cgroups.mode == cgroup::Mode::kNone)
    return Error(Code::kFailedPrecondition, "linux.cgroupsPath: no cgroup mount found in mountinfo").Hint(kHint);
  const auto closed = std::ranges::find(cgroups.hierarchies, false, &cgroup::Hierarchy::delegated);
  const std::string where = closed == cgroups.hierarchies.end() ? "" : " in '" + closed->mountpoint + "'";
  return Error(Code::kPermissionDenied, "linux.cgroupsPath: make cgroup '" + path + "'" + where + ": not writable")
      .Hint(kHint);
}

Error RefusedPath(const HostFacts& facts, const std::string& path) {
  if (!facts.rootless && !facts.plain_user) return RefusedRoot(facts.cgroups, path);
  return Error(Code::kPermissionDenied, "linux.cgroupsPath: make cgroup '" + path + "': permission denied")
      .Hint("without a path and without limits the container runs in the cgroup of who starts it");
}

std::string LastComponent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// The tmpfs of a v1 or hybrid host, one folder a hierarchy, each the container's own part of it.
void AddLegacyMounts(Builder& b, const std::string& target, const MountOptions& options, const std::string& why) {
  const std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const bool readonly = (options.set & MOUNT_ATTR_RDONLY) != 0;
  MountOptions tmpfs;
  tmpfs.data = {{"mode", "755"}};
  Step& base = b.Child(child::Op::kMount, why, {"tmpfs", "tmpfs", target}, {quiet, 0, 0, 0});
  const int tmpfs_slot = b.NewSlot();
  base.in = {b.root};
  base.out = tmpfs_slot;
  base.blob = tmpfs.Blob();
  for (const cgroup::Hierarchy& hierarchy : b.facts().cgroups.hierarchies) {
    const std::string key = HierarchyKey(hierarchy);
    if (key.empty()) continue;
    const std::string name = LastComponent(hierarchy.mountpoint);
    const int slot = b.NewSlot();
    const std::uint64_t set = quiet | (readonly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0);
    const bool early = b.facts().kernel.mount_setattr;  // else once it is attached
    b.Host(Op::kOpenCgroupMount, why, {key}, {early ? set : 0}).out = slot;
    // A hierarchy that is not used for containers gives no descriptor, and is not shown.
    b.Child(child::Op::kAttach, why, {target + "/" + name}, {early ? 0 : set, 0, 0, child::kTargetMayFail})
        .in = {b.root, slot};
    for (const std::string& controller : hierarchy.controllers) {
      if (hierarchy.unified || hierarchy.controllers.size() < 2 || controller == name) continue;
      b.Child(child::Op::kSymlink, why, {name, target + "/" + controller}).in = {b.root};
    }
  }
  if (readonly) {
    b.Child(child::Op::kSetAttributes, why, {}, {MOUNT_ATTR_RDONLY, 0, 0, 0}).in = {tmpfs_slot};
  }
}

// What `below` says of a hierarchy, or null.
const std::string* FindBelow(const oci::StringMap& below, const cgroup::Hierarchy& hierarchy) {
  for (const auto& [controller, path] : below) {
    const bool named = controller == "unified" ? hierarchy.unified
                                               : std::ranges::find(hierarchy.controllers, controller) !=
                                                     hierarchy.controllers.end();
    if (controller.empty() || named || (!hierarchy.name.empty() && controller == "name=" + hierarchy.name))
      return &path;
  }
  return nullptr;
}

Status CheckBelow(Builder& b, const oci::StringMap& below) {
  const auto& hierarchies = b.facts().cgroups.hierarchies;
  for (std::size_t i = 0; i < below.size(); ++i) {
    const auto& [controller, path] = below[i];
    const oci::StringMap alone = {below[i]};
    if (std::ranges::none_of(hierarchies, [&](const auto& each) { return FindBelow(alone, each) != nullptr; }))
      return Error(Code::kInvalidArgument, "sub-cgroup '" + path + "': unknown controller '" + controller + "'");
    for (const std::string& part : Split(path, '/')) {
      if (part == "." || part == "..")
        return Error(Code::kInvalidArgument, "bad sub cgroup path '" + path + "': '" + part + "' is not allowed");
    }
  }
  if (!below.empty() && b.plan().cgroup_path.empty())
    return Error(Code::kFailedPrecondition,
                 "sub-cgroup '" + below[0].second + "': the container has no cgroup of its own");
  return Ok();
}

// The host's own tree, as the host mounts it.
Status BindHostCgroups(Builder& b, const oci::Mount& mount, const MountOptions& options, const std::string& why) {
  constexpr std::uint64_t kMsSlave = 1U << 19;
  const bool early = b.facts().kernel.mount_setattr;  // else once it is attached, one mount and not those below it
  if (!early && b.facts().cgroups.mode != cgroup::Mode::kUnified) {
    return Error(Code::kFailedPrecondition, why + ": the host's cgroup hierarchies can be shown with kernel 5.12")
        .Hint("leave the mount away, or give the container a cgroup");
  }
  const int slot = b.NewSlot();
  const std::vector<std::uint64_t> nothing(7, 0);
  b.Host(Op::kOpenTree, why, {"/sys/fs/cgroup"},
         early ? std::vector<std::uint64_t>{1, 0, 0, kMsSlave, 1, options.set, 0} : nothing)
      .out = slot;
  Step& attach = b.Child(child::Op::kAttach, why, {mount.destination});
  attach.in = {b.root, slot};
  if (!early) attach.numbers = {options.set, 0, kMsSlave};
  return Ok();
}

void AddCreateCgroup(Builder& b, const std::string& path, const oci::Resources& resources, bool everywhere) {
  std::vector<std::string> text = {path};
  for (std::string& controller : cgroup::NeededControllers(resources)) text.push_back(std::move(controller));
  Step& create = b.Host(Op::kCreateCgroup, "linux.cgroupsPath", std::move(text));
  if (everywhere) create.numbers = {1};
}

// Where device rules are files of v1's controller, systemd writes its own there: it has to know ours.
std::vector<std::string> LegacyStartProperties(const Builder& b, const oci::Resources& resources) {
  if (b.facts().cgroups.device_programs) return {};
  return cgroup::DeviceProperties(resources.devices);
}

Status AddScope(Builder& b, const ContainerInput& input) {
  const cgroup::Scope& scope = *input.scope;
  const oci::Resources& resources = input.spec.linux_config.resources;
  const bool legacy = b.facts().cgroups.mode != cgroup::Mode::kUnified;
  if (legacy && scope.user) {
    return Error(Code::kFailedPrecondition, "linux.cgroupsPath: a user's own systemd has no cgroups but on a host with "
                                            "cgroup v2 alone")
        .Hint("leave --systemd-cgroup away: the container then runs in the cgroup of who starts it");
  }
  std::vector<std::string> text = {scope.unit, scope.path};
  const auto limits = TRY(legacy ? cgroup::LegacyLimitProperties(resources)
                                 : cgroup::LimitProperties(resources, scope.version));
  const auto at_start = legacy ? LegacyStartProperties(b, resources)
                               : cgroup::StartProperties(resources, scope.version);
  const auto annotated = TRY(cgroup::AnnotatedProperties(input.spec.annotations));
  for (const auto& part : {cgroup::ScopeProperties(scope, input.id), limits, at_start, annotated})
    text.insert(text.end(), part.begin(), part.end());
  // systemd knows some of the v1 hierarchies only: the scope's place is made in all of them, and joined as any other.
  if (legacy) AddCreateCgroup(b, scope.path, resources, /*everywhere=*/true);
  b.Add(Op::kStartScope, Where::kHostChild, "linux.cgroupsPath", std::move(text), {scope.user ? 1ULL : 0ULL});
  b.in_scope = !legacy;
  return Ok();
}

}  // namespace

Status AddCgroup(Builder& b, const ContainerInput& input) {
  std::string path = input.cgroup_path.empty() ? input.spec.linux_config.cgroups_path : input.cgroup_path;
  const oci::Resources& resources = input.spec.linux_config.resources;
  const bool ours = b.facts().cgroups_writable || input.scope.has_value();
  const bool possible = ours && b.facts().cgroups.mode != cgroup::Mode::kNone;
  if (!input.use_cgroup || path.empty() || !possible) {
    TRY(RefuseLimits(input, b.facts()));
    return input.use_cgroup && input.cgroup_required ? Status(RefusedPath(b.facts(), path)) : Ok();
  }
  b.plan().cgroup_path = path;
  b.has_cgroup = true;
  // systemd makes a scope around a process: what is written into it waits for the child too.
  const Where where = input.scope.has_value() ? Where::kHostChild : Where::kHost;
  if (input.scope.has_value()) {
    TRY(AddScope(b, input));
  } else {
    AddCreateCgroup(b, path, resources, input.cgroup_required);
  }
  const auto writes = TRY(cgroup::Settings(resources, b.facts().cgroups));
  for (const cgroup::Write& write : writes) {
    Step& step = b.Add(Op::kWriteCgroup, where, write.field, {write.controller, write.file, write.value},
                       {write.optional ? 1ULL : 0ULL});
    if (write.alternative_file.empty()) continue;
    step.text.push_back(write.alternative_file);
    step.text.push_back(write.alternative_value);
  }
  AddCgroupOwner(b, input.spec, where);
  return Ok();
}

void AddDeviceRules(Builder& b, const oci::Resources& resources) {
  // The rules need CAP_SYS_ADMIN on the host; without it nodes cannot be made anyway.
  if (!b.has_cgroup || b.facts().rootless) return;
  std::vector<std::string> rules;
  // The defaults come last: specifications begin by denying everything.
  for (const oci::DeviceRule& rule : resources.devices) rules.push_back(RuleText(rule));
  for (const oci::DeviceRule& rule : cgroup::DefaultDeviceRules()) rules.push_back(RuleText(rule));
  // Beside the child, which mounts meanwhile: loading a program takes 0.3 ms.
  b.Add(Op::kCgroupDevices, Where::kHostChild, "linux.resources.devices", std::move(rules));
}

Status AddJoinCgroup(Builder& b, const oci::StringMap& below) {
  const cgroup::Hierarchies& cgroups = b.facts().cgroups;
  TRY(CheckBelow(b, below));
  if (b.plan().cgroup_path.empty()) return Ok();
  if (b.in_scope) {  // the parent's step puts us there
    b.Child(child::Op::kWaitHost, "linux.cgroupsPath");
    return Ok();
  }
  if (cgroups.Unified() != nullptr) {
    Step& open = b.Host(Op::kOpenUnified, "linux.cgroupsPath");
    open.out = b.NewSlot();
    if (const std::string* path = FindBelow(below, *cgroups.Unified())) open.text = {*path};
  }
  // A lone thread that moves itself through "tasks" needs no RCU grace period; moving a process from outside, through
  // cgroup.procs, costs ~12 ms (kernel 6.18).
  for (const cgroup::Hierarchy& hierarchy : cgroups.hierarchies) {
    const std::string key = HierarchyKey(hierarchy);
    if (hierarchy.unified || key.empty()) continue;
    const int slot = b.NewSlot();
    Step& open = b.Host(Op::kOpenTasks, "linux.cgroupsPath", {key});
    open.out = slot;
    if (const std::string* path = FindBelow(below, hierarchy)) open.text.push_back(*path);
    b.Child(child::Op::kJoinCgroup, "linux.cgroupsPath", {key}).in = {slot};
  }
  return Ok();
}

Status AddCgroupMount(Builder& b, const oci::RuntimeSpec& spec, const oci::Mount& mount, const MountOptions& options,
                      const std::string& why) {
  const cgroup::Hierarchies& cgroups = b.facts().cgroups;
  const bool own_namespace = oci::HasNewNamespace(spec.linux_config, oci::NamespaceType::kCgroup);
  if (cgroups.mode == cgroup::Mode::kNone) return Ok();  // nothing to show
  if (cgroups.mode == cgroup::Mode::kUnified && own_namespace) {
    Step& step = b.Child(child::Op::kMount, why, {"cgroup2", "cgroup", mount.destination}, {options.set, 0, 0, 0});
    step.in = {b.root};
    return Ok();
  }
  if (b.has_cgroup && cgroups.mode != cgroup::Mode::kUnified) {
    AddLegacyMounts(b, mount.destination, options, why);
    return Ok();
  }
  return BindHostCgroups(b, mount, options, why);
}

}  // namespace estiba::plan
