#include "plan/plan.h"

#include <algorithm>

#include "child/step.h"

namespace estiba::plan {
namespace {

using C = child::Op;

std::string_view ChildOpName(C op) {
  switch (op) {
    case C::kNone: return {};
    case C::kWaitHost: return "wait-host";
    case C::kJoinCgroup: return "join-cgroup";
    case C::kUnshare: return "unshare";
    case C::kSetNamespace: return "set-namespace";
    case C::kBecomeRoot: return "become-root";
    case C::kPropagation: return "propagation";
    case C::kAttachRoot: return "attach-root";
    case C::kMount: return "mount";
    case C::kAttach: return "attach";
    case C::kDevice: return "device";
    case C::kBindDevice: return "bind-device";
    case C::kSymlink: return "symlink";
    case C::kMakeDirectory: return "make-directory";
    case C::kOpenNull: return "open-null";
    case C::kMask: return "mask";
    case C::kReadonlyPath: return "readonly-path";
    case C::kPivot: return "pivot";
    case C::kMoveRoot: return "move-root";
    case C::kChangeRoot: return "change-root";
    case C::kSetAttributes: return "set-attributes";
    case C::kWriteProc: return "write-proc";
    case C::kHostname: return "hostname";
    case C::kDomainname: return "domainname";
    case C::kLoopbackUp: return "loopback-up";
    case C::kHook: return "hook";
    case C::kOpenTerminal: return "open-terminal";
    case C::kResetInherited: return "reset-inherited";
    case C::kRlimit: return "rlimit";
    case C::kSessionKeyring: return "session-keyring";
    case C::kNewSession: return "new-session";
    case C::kStdio: return "stdio";
    case C::kOpenFile: return "open-file";
    case C::kWriteSlot: return "write-slot";
    case C::kChownStdio: return "chown-stdio";
    case C::kDropBounding: return "drop-bounding";
    case C::kGroups: return "groups";
    case C::kIdentity: return "identity";
    case C::kCapabilities: return "capabilities";
    case C::kNoNewPrivileges: return "no-new-privileges";
    case C::kSeccomp: return "seccomp";
    case C::kUmask: return "umask";
    case C::kWorkDirectory: return "work-directory";
    case C::kFindProgram: return "find-program";
    case C::kWaitStart: return "wait-start";
    case C::kCloseDescriptors: return "close-descriptors";
    case C::kExec: return "exec";
    case C::kPersonality: return "personality";
    case C::kScheduler: return "scheduler";
    case C::kIoPriority: return "io-priority";
    case C::kAffinity: return "affinity";
    case C::kMemoryPolicy: return "memory-policy";
    case C::kMakeFile: return "make-file";
    case C::kSendSeccompListener: return "send-seccomp-listener";
    case C::kTmpCopyUp: return "tmp-copy-up";
    case C::kReport: return "report";
    case C::kLandlockRuleset: return "landlock-ruleset";
    case C::kLandlockRule: return "landlock-rule";
    case C::kLandlockRestrict: return "landlock-restrict";
    case C::kUnmount: return "unmount";
    case C::kSendMount: return "send-mount";
    case C::kOpenProc: return "open-proc";
  }
  return {};
}

}  // namespace

std::string_view OpName(Op op) {
  switch (op) {
    case Op::kNone: return {};
    case Op::kOpenRoot: return "open-root";
    case Op::kMountOverlay: return "mount-overlay";
    case Op::kOpenTree: return "open-tree";
    case Op::kOpenNamespace: return "open-namespace";
    case Op::kCreateCgroup: return "create-cgroup";
    case Op::kWriteCgroup: return "write-cgroup";
    case Op::kCgroupDevices: return "cgroup-devices";
    case Op::kOpenUnified: return "open-unified";
    case Op::kOpenTasks: return "open-tasks";
    case Op::kResolveUser: return "resolve-user";
    case Op::kRunHook: return "run-hook";
    case Op::kOpenCgroupMount: return "open-cgroup-mount";
    case Op::kMakeIdMapFd: return "make-id-map";
    case Op::kOpenFile: return "open-file";
    case Op::kOpenInitRoot: return "open-init-root";
    case Op::kMountImage: return "mount-image";
    case Op::kAttachCgroup: return "attach-cgroup";
    case Op::kMaybeDirectory: return "maybe-directory";
    case Op::kOwnCgroup: return "own-cgroup";
    case Op::kCopyUp: return "copy-up";
    case Op::kMountFilesystem: return "mount-filesystem";
    case Op::kWriteIdMaps: return "write-id-maps";
    case Op::kOomScore: return "oom-score";
    case Op::kEnsureTable: return "ensure-table";
    case Op::kEnsureBridge: return "ensure-bridge";
    case Op::kEnsureBridgeLink: return "ensure-bridge-link";
    case Op::kJoinVlan: return "join-vlan";
    case Op::kAddVeth: return "add-veth";
    case Op::kConfigureInside: return "configure-inside";
    case Op::kUseHost: return "use-host";
    case Op::kForwarding: return "forwarding";
    case Op::kRelayPorts: return "relay-ports";
    case Op::kUserNetwork: return "user-network";
    case Op::kServeNames: return "serve-names";
    case Op::kWriteNames: return "write-names";
    case Op::kDefaultRoute: return "default-route";
    case Op::kPublishPorts: return "publish-ports";
    case Op::kMoveLink: return "move-link";
    case Op::kEnsureParent: return "ensure-parent";
    case Op::kAddUpper: return "add-upper";
    case Op::kDeleteUpper: return "delete-upper";
    case Op::kCniAdd: return "cni-add";
    case Op::kCniDel: return "cni-del";
    case Op::kIntelRdt: return "intel-rdt";
    case Op::kDeleteResctrl: return "delete-resctrl";
    case Op::kStartScope: return "start-scope";
    case Op::kJoinScope: return "join-scope";
    case Op::kStopScope: return "stop-scope";
    case Op::kDeleteCgroup: return "delete-cgroup";
    case Op::kDeleteVeth: return "delete-veth";
    case Op::kForgetNames: return "forget-names";
    case Op::kUnpublishPorts: return "unpublish-ports";
    case Op::kKillCgroup: return "kill-cgroup";
    case Op::kChildBase: return {};
  }
  if (op > Op::kChildBase) {
    return ChildOpName(static_cast<C>(static_cast<unsigned>(op) - static_cast<unsigned>(Op::kChildBase)));
  }
  return {};
}

namespace {

const Step* Only(const Plan& plan, Op op) {
  const auto found = std::ranges::find(plan.steps, op, &Step::op);
  return found == plan.steps.end() ? nullptr : &*found;
}

}  // namespace

const Step* ScopeStart(const Plan& plan) { return Only(plan, Op::kStartScope); }

const Step* UserNetworkOf(const Plan& plan) { return Only(plan, Op::kUserNetwork); }

const Step* PortRelayOf(const Plan& plan) { return Only(plan, Op::kRelayPorts); }

std::string_view WhereName(Where where) {
  switch (where) {
    case Where::kHost: return "host";
    case Where::kHostChild: return "host+child";
    case Where::kChild: return "child";
    case Where::kRoot: return "root";
    case Where::kAfter: return "after";
  }
  return "?";
}

}  // namespace estiba::plan
