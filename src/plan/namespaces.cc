// Which namespaces are made in the one clone, which are joined, and what is set in them.

#include <algorithm>

#include <fcntl.h>
#include <sched.h>

#include "builder.h"

namespace estiba::plan {
namespace {

using oci::NamespaceType;

constexpr std::uint64_t kNewTime = 0x80;  // CLONE_NEWTIME: shares its bit with a signal number in <sched.h>'s world

std::uint64_t CloneFlag(NamespaceType type) {
  switch (type) {
    case NamespaceType::kPid: return CLONE_NEWPID;
    case NamespaceType::kNetwork: return CLONE_NEWNET;
    case NamespaceType::kMount: return CLONE_NEWNS;
    case NamespaceType::kIpc: return CLONE_NEWIPC;
    case NamespaceType::kUts: return CLONE_NEWUTS;
    case NamespaceType::kUser: return CLONE_NEWUSER;
    case NamespaceType::kCgroup: return CLONE_NEWCGROUP;
    case NamespaceType::kTime: return kNewTime;
  }
  return 0;
}

// What is mounted for a container without a mount namespace is mounted on the host.
Status CheckHostMounts(const oci::Linux& config) {
  if (oci::FindNamespace(config, NamespaceType::kUser) != nullptr) {
    return Error(Code::kInvalidArgument,
                 "linux.namespaces: a user namespace may not mount in the host's mount namespace");
  }
  if (!config.masked_paths.empty() || !config.readonly_paths.empty()) {
    return Error(Code::kInvalidArgument,
                 "linux.maskedPaths, linux.readonlyPaths: unable to restrict sys entries without a private MNT "
                 "namespace");
  }
  return Ok();
}

Status CheckNamespaces(const oci::RuntimeSpec& spec) {
  std::uint64_t seen = 0;
  for (const oci::Namespace& ns : spec.linux_config.namespaces) {
    const std::uint64_t flag = CloneFlag(ns.type);
    if ((seen & flag) != 0) {
      return Error(Code::kInvalidArgument,
                   std::string("linux.namespaces: '") + oci::NamespaceName(ns.type) + "' is listed twice");
    }
    seen |= flag;
  }
  if ((seen & CLONE_NEWNS) == 0) TRY(CheckHostMounts(spec.linux_config));
  if (!spec.hostname.empty() && (seen & CLONE_NEWUTS) == 0) {
    return Error(Code::kInvalidArgument, "hostname: cannot be set without a uts namespace");
  }
  if (!spec.domainname.empty() && (seen & CLONE_NEWUTS) == 0) {
    return Error(Code::kInvalidArgument, "domainname: cannot be set without a uts namespace");
  }
  return Ok();
}

// A pid namespace is entered by being born there. So are those that a container with a user namespace joins: some
// belong to the host, which its root may not enter any more, some to the user namespace, which it may only then. A
// mount or time namespace can only be entered by the process itself.
bool IsBornInto(const Builder& b, NamespaceType type) {
  if (type == NamespaceType::kPid || type == NamespaceType::kUser) return true;
  return b.new_user && type != NamespaceType::kMount && type != NamespaceType::kTime;
}

void JoinNamespace(Builder& b, const oci::Namespace& ns, const std::vector<KnownNamespace>& known) {
  const int slot = b.NewSlot();
  const std::string why = std::string("linux.namespaces: ") + oci::NamespaceName(ns.type);
  const bool born = IsBornInto(b, ns.type);
  Step& open = b.Host(Op::kOpenNamespace, why, {ns.path}, {CloneFlag(ns.type)});
  open.out = slot;
  if (ns.type == NamespaceType::kNetwork) b.network = slot;
  if (born && ns.type != NamespaceType::kPid) open.numbers.push_back(1);
  if (const auto one = std::ranges::find(known, ns.type, &KnownNamespace::type); one != known.end()) {
    open.numbers.resize(2);
    open.numbers.push_back(one->inode);
  }
  if (born) return;
  b.Child(child::Op::kSetNamespace, why, {ns.path}, {CloneFlag(ns.type)}).in = {slot};
}

std::string OffsetLine(const char* clock, const std::optional<oci::TimeOffset>& offset) {
  if (!offset.has_value()) return {};
  return std::string(clock) + " " + std::to_string(offset->secs) + " " + std::to_string(offset->nanosecs) + "\n";
}

Status AddTimeNamespace(Builder& b, const oci::Linux& config) {
  const std::string offsets =
      OffsetLine("monotonic", config.monotonic_offset) + OffsetLine("boottime", config.boottime_offset);
  if (!b.facts().kernel.time_namespace) {
    if (!offsets.empty()) {
      return Error(Code::kFailedPrecondition, "linux.timeOffsets: this kernel has no time namespaces");
    }
    Warn(b.plan(), "linux.namespaces: this kernel has no time namespaces");
  } else if (offsets.empty()) {
    b.plan().clone_flags |= kNewTime;
  } else {
    // Offsets can be set only while nobody is inside: the child makes the namespace and enters it by exec.
    b.Child(child::Op::kUnshare, "linux.timeOffsets", {}, {kNewTime});
    if (b.time_offsets == kNoSlot) {
      b.Child(child::Op::kWriteProc, "linux.timeOffsets", {"self/timens_offsets", offsets});
    } else {
      b.Child(child::Op::kWriteSlot, "linux.timeOffsets", {offsets}).in = {b.time_offsets};
    }
  }
  return Ok();
}

// Who has become another user has no longer a /proc/self of its own (proc(5), "dumpable").
void OpenTimeOffsets(Builder& b, const oci::Linux& config) {
  const bool offsets = config.monotonic_offset.has_value() || config.boottime_offset.has_value();
  if (!offsets || !b.facts().kernel.time_namespace) return;
  const int slot = b.time_offsets = b.NewSlot();
  b.Child(child::Op::kOpenProc, "linux.timeOffsets", {"self/timens_offsets"}, {O_WRONLY}).out = slot;
}

// Its root is where its maker sits, so it is made after the v1 hierarchies have been joined.
void AddCgroupNamespace(Builder& b) {
  if (b.facts().kernel.cgroup_namespace) {
    b.Child(child::Op::kUnshare, "linux.namespaces: cgroup", {}, {CLONE_NEWCGROUP});
  } else {
    Warn(b.plan(), "linux.namespaces: this kernel has no cgroup namespaces");
  }
}

// Which sysctls belong to a namespace and so cannot reach the host.
Status CheckSysctl(const oci::Linux& config, const std::string& key) {
  const bool ipc = key == "kernel.msgmax" || key == "kernel.msgmnb" || key == "kernel.msgmni" || key == "kernel.sem" ||
                   key == "kernel.shmall" || key == "kernel.shmmax" || key == "kernel.shmmni" ||
                   key == "kernel.shm_rmid_forced" || key.starts_with("fs.mqueue.");
  const auto refuse = [&](const char* reason) {
    return Error(Code::kInvalidArgument, "linux.sysctl: '" + key + "' " + reason);
  };
  if (key.find("..") != std::string::npos) return refuse("is no sysctl");
  const auto shares = [&](NamespaceType type) { return oci::FindNamespace(config, type) == nullptr; };
  if (ipc) {
    if (shares(NamespaceType::kIpc)) return refuse("is not allowed in the host's ipc namespace");
  } else if (key.starts_with("net.") || key.starts_with("net/")) {
    if (shares(NamespaceType::kNetwork)) return refuse("is not allowed in the host's network namespace");
  } else if (key == "kernel.domainname" || key == "kernel.hostname") {
    if (shares(NamespaceType::kUts)) return refuse("is not allowed in the host's uts namespace");
  } else if (key.starts_with("user.")) {
    if (shares(NamespaceType::kUser)) return refuse("needs a user namespace");
  } else {
    return refuse("is not in a separate kernel namespace");
  }
  return Ok();
}

// "net.ipv4.conf.eth0/1.x": dots and slashes change places when the first separator is a slash (sysctl.d(5)).
std::string SysctlPath(const std::string& key) {
  const std::size_t first = key.find_first_of("./");
  const bool swap = first == std::string::npos || key[first] == '.';
  std::string path = "sys/";
  for (const char c : key) path += !swap ? c : c == '.' ? '/' : c == '/' ? '.' : c;
  return path;
}

}  // namespace

std::string MapText(const std::vector<oci::IdMapping>& maps) {
  std::string text;
  for (const oci::IdMapping& map : maps) {
    text += std::to_string(map.container_id) + " " + std::to_string(map.host_id) + " " +
            std::to_string(map.size) + "\n";
  }
  return text;
}

bool SharesHostMounts(const oci::Linux& config) {
  return oci::FindNamespace(config, NamespaceType::kMount) == nullptr;
}

std::uint64_t NamespaceFlags(const oci::Linux& config, const HostFacts& facts) {
  std::uint64_t flags = 0;
  for (const oci::Namespace& ns : config.namespaces) flags |= CloneFlag(ns.type);
  if (!facts.kernel.time_namespace) flags &= ~kNewTime;
  if (!facts.kernel.cgroup_namespace) flags &= ~std::uint64_t{CLONE_NEWCGROUP};
  return flags;
}

Status AddUserNamespace(Builder& b, const ContainerInput& input) {
  const oci::Linux& config = input.spec.linux_config;
  const oci::Namespace* user = oci::FindNamespace(config, NamespaceType::kUser);
  if (user == nullptr) {
    if (!b.facts().plain_user) return Ok();
    return Error(Code::kInvalidArgument, "linux.namespaces: rootless container requires user namespaces")
        .Hint("'spec --rootless' writes a configuration that has one");
  }
  if (!user->path.empty()) {
    JoinNamespace(b, *user, input.known_namespaces);
    OpenTimeOffsets(b, config);
    AddBecomeRoot(b);
    return Ok();
  }
  if (config.uid_mappings.empty() || config.gid_mappings.empty()) {
    return Error(Code::kInvalidArgument, "linux.uidMappings, linux.gidMappings: a user namespace needs both");
  }
  b.plan().clone_flags |= CLONE_NEWUSER;
  b.Add(Op::kWriteIdMaps, Where::kHostChild, "linux.uidMappings",
        {MapText(config.uid_mappings), MapText(config.gid_mappings)});
  b.Child(child::Op::kWaitHost, "linux.uidMappings");
  OpenTimeOffsets(b, config);
  AddBecomeRoot(b);
  return Ok();
}

// A namespace whose parent denies setgroups(2) denies it too, and so may one that a plain user made.
std::vector<std::uint64_t> SetgroupsNumbers(const HostFacts& facts) {
  const bool denied = facts.kernel.setgroups_denied || facts.plain_user;
  return denied ? std::vector<std::uint64_t>{1} : std::vector<std::uint64_t>();
}

void AddBecomeRoot(Builder& b) {
  b.Child(child::Op::kBecomeRoot, "linux.uidMappings", {}, SetgroupsNumbers(b.facts()));
}

Status AddNamespaces(Builder& b, const ContainerInput& input) {
  const oci::Linux& config = input.spec.linux_config;
  TRY(CheckNamespaces(input.spec));
  for (const oci::Namespace& ns : config.namespaces) {
    if (ns.type == NamespaceType::kUser) continue;
    if (!ns.path.empty()) {
      JoinNamespace(b, ns, input.known_namespaces);
    } else if (ns.type == NamespaceType::kCgroup) {
      AddCgroupNamespace(b);
    } else if (ns.type == NamespaceType::kTime) {
      TRY(AddTimeNamespace(b, config));
    } else {
      b.plan().clone_flags |= CloneFlag(ns.type);
    }
  }
  return Ok();
}

Status AddSysctls(Builder& b, const oci::RuntimeSpec& spec) {
  for (const auto& [key, value] : spec.linux_config.sysctl) {
    TRY(CheckSysctl(spec.linux_config, key));
    b.Child(child::Op::kWriteProc, "linux.sysctl", {SysctlPath(key), value});
  }
  return Ok();
}

}  // namespace estiba::plan
