// Mounts that a container gets, and loses, while it runs.

#include <fcntl.h>
#include <sched.h>

#include "builder.h"

namespace estiba::plan {
namespace {

// Into the container's mount namespace and no other: what works there is not seen by the container's processes.
Builder EnterMountNamespace(const MountInput& input, const HostFacts& facts) {
  Builder b(facts);
  Plan& plan = b.plan();
  plan.kind = Kind::kExec;
  plan.id = input.id;
  plan.name = input.name.empty() ? input.id : input.name;
  b.NewSlot();  // slot 0: the pidfd of the container's PID 1, filled by the runtime
  b.new_user = oci::FindNamespace(input.spec.linux_config, oci::NamespaceType::kUser) != nullptr;
  b.root = b.NewSlot();
  return b;
}

Status CheckOwnMounts(const MountInput& input) {
  if (!SharesHostMounts(input.spec.linux_config)) return Ok();
  return Error(Code::kFailedPrecondition, "mounts: the container has no mount namespace: they would be the host's");
}

void EnterRootOf(Builder& b) {
  // A file system made in a user namespace belongs to that namespace's root.
  const std::uint64_t flags = CLONE_NEWNS | (b.new_user ? std::uint64_t{CLONE_NEWUSER} : 0);
  b.Child(child::Op::kSetNamespace, "mounts", {}, {flags}).in = {0};
  if (b.new_user) AddBecomeRoot(b);
  b.EnterRoot();
  b.Child(child::Op::kOpenFile, "mounts", {"/"}, {O_PATH | O_DIRECTORY}).out = b.root;
}

// What shows a namespace of the container would show that of whoever mounts it: ours.
bool ShowsNamespace(const std::string& type) {
  for (const char* each : {"proc", "sysfs", "mqueue", "cgroup", "cgroup2", "devpts"}) {
    if (type == each) return true;
  }
  return false;
}

}  // namespace

Result<Plan> BuildMount(const MountInput& input, const HostFacts& facts) {
  TRY(CheckOwnMounts(input));
  Builder b = EnterMountNamespace(input, facts);
  ContainerInput container;
  container.id = input.id;
  container.bundle = input.bundle;
  container.spec.linux_config = input.spec.linux_config;
  container.spec.mounts = {input.mount};
  const MountOptions options = TRY(ParseMountOptions(input.mount.options, "mounts[0]"));
  if (!options.bind && input.mount.type != "bind" && ShowsNamespace(input.mount.type)) {
    return Error(Code::kInvalidArgument, "mounts[0].type: '" + input.mount.type +
                                             "' can only be mounted when the container starts");
  }
  std::vector<int> sources;
  TRY(AddMountSources(b, container, sources));
  EnterRootOf(b);
  TRY(AttachMounts(b, container, sources));
  int mount = sources[0];
  if (mount == kNoSlot) {
    Step& made = b.plan().steps.back();
    if (made.out == kNoSlot && made.op == ChildOp(child::Op::kMount)) made.out = b.NewSlot();
    mount = made.op == ChildOp(child::Op::kMount) ? made.out : made.in.at(0);  // or kSetAttributes after it
  }
  b.Child(child::Op::kSendMount, "mounts").in = {mount};
  b.Child(child::Op::kWaitStart, "mounts");
  return std::move(b.plan());
}

Result<Plan> BuildUnmount(const MountInput& input, const MountedAt& at, const HostFacts& facts) {
  TRY(CheckOwnMounts(input));
  Builder b = EnterMountNamespace(input, facts);
  EnterRootOf(b);
  b.Child(child::Op::kUnmount, "mounts", {at.path}, {at.mount_id, at.unique ? 1ULL : 0ULL}).in = {b.root};
  b.Child(child::Op::kWaitStart, "mounts");
  return std::move(b.plan());
}

}  // namespace estiba::plan
