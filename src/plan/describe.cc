// What a step does, in words: the subject of error messages and the lines of Explain.

#include <array>

#include <sched.h>
#include <sys/stat.h>

#include "child/step.h"
#include "plan/plan.h"
#include "security/capability.h"

namespace estiba::plan {
namespace {

using C = child::Op;

std::string Quote(const std::string& text) { return "'" + text + "'"; }

// Words as one would type them: in quotes where a shell would see more than the word.
std::string Words(const std::vector<std::string>& words) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
  std::string text;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_not_of(kPlain) == std::string::npos;
    text += (text.empty() ? "" : " ") + (plain ? word : Quote(word));
  }
  return text;
}

// "0.0.0.0:8080 10.0.0.2:80 tcp" as "0.0.0.0:8080 to 10.0.0.2:80 tcp".
std::string Ports(const std::vector<std::string>& ports) {
  std::string text;
  for (std::string port : ports) {
    if (const auto blank = port.find(' '); blank != std::string::npos) port.insert(blank, " to");
    text += (text.empty() ? "" : ", ") + port;
  }
  return text;
}

std::string Text(const Step& step, std::size_t index) {
  return index < step.text.size() ? Quote(step.text[index]) : std::string("''");
}

std::uint64_t Number(const Step& step, std::size_t index) {
  return index < step.numbers.size() ? step.numbers[index] : 0;
}

std::string List(const Step& step, std::size_t first) {
  std::string list;
  for (std::size_t i = first; i < step.text.size(); ++i) list += (i == first ? "" : " ") + step.text[i];
  return list;
}

std::string Namespaces(std::uint64_t flags) {
  struct Flag {
    std::uint64_t flag;
    const char* name;
  };
  constexpr std::array<Flag, 8> kFlags = {{{CLONE_NEWUSER, "user"}, {CLONE_NEWPID, "pid"}, {CLONE_NEWNS, "mount"},
                                           {CLONE_NEWNET, "network"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWIPC, "ipc"},
                                           {CLONE_NEWCGROUP, "cgroup"}, {0x80, "time"}}};
  std::string names;
  for (const Flag& flag : kFlags) {
    if ((flags & flag.flag) == 0) continue;
    names += names.empty() ? "" : ", ";
    names += flag.name;
  }
  return names;
}

std::string Attributes(std::uint64_t attributes) {
  struct Flag {
    std::uint64_t flag;
    const char* name;
  };
  constexpr std::array<Flag, 8> kFlags = {{{1, "ro"}, {2, "nosuid"}, {4, "nodev"}, {8, "noexec"},
                                           {0x10, "noatime"}, {0x20, "strictatime"}, {0x80, "nodiratime"},
                                           {0x200000, "nosymfollow"}}};
  std::string names;
  for (const Flag& flag : kFlags) {
    if ((attributes & flag.flag) == 0) continue;
    names += names.empty() ? "" : ",";
    names += flag.name;
  }
  return names;
}

// "fro\0ssize\0001m\0" as "ro,size=1m".
std::string Options(const std::string& blob) {
  std::string options;
  for (std::size_t at = 0; at < blob.size();) {
    const bool flag = blob[at] == 'f';
    const std::string key(blob.c_str() + at + 1);
    at += key.size() + 2;
    options += (options.empty() ? "" : ",") + key;
    if (flag || at >= blob.size()) continue;
    const std::string value(blob.c_str() + at);
    at += value.size() + 1;
    options += "=" + value;
  }
  return options;
}

std::string MountText(const Step& step) {
  std::string text = "mount " + Text(step, 0) + " on " + Text(step, 2);
  std::string options = Attributes(Number(step, 0));
  const std::string data = Options(step.blob);
  if (!data.empty()) options += (options.empty() ? "" : ",") + data;
  return options.empty() ? text : text + " (" + options + ")";
}

std::string DeviceText(const Step& step, const char* verb, std::size_t path) {
  const char* kind = Number(step, 0) == S_IFBLK ? "b" : Number(step, 0) == S_IFIFO ? "p" : "c";
  return std::string(verb) + Text(step, path) + " (" + kind + " " + std::to_string(Number(step, 1)) + ":" +
         std::to_string(Number(step, 2)) + ")";
}

std::string CapabilityText(std::uint64_t set) {
  if (set == 0) return "none";
  std::string text;
  unsigned count = 0;
  for (unsigned number = 0; number < 64; ++number) {
    if ((set >> number & 1) == 0) continue;
    ++count;
    const char* name = security::CapabilityName(number);
    if (name != nullptr) text += (text.empty() ? "" : " ") + std::string(name + 4);
  }
  return count > 20 ? "all " + std::to_string(count) : text;
}

std::string LimitText(std::uint64_t value) {
  return value == ~std::uint64_t{0} ? std::string("unlimited") : std::to_string(value);
}

std::string HostText(const Step& step) {
  switch (step.op) {
    case Op::kOpenRoot: return "open root " + Text(step, 0);
    case Op::kMountOverlay:
      return "mount overlay of " + std::to_string(step.text.size() > 2 ? step.text.size() - 2 : 0) +
             (step.text.size() == 3 ? " layer, upper " : " layers, upper ") + Text(step, 0);
    case Op::kOpenTree:
      return "open bind source " + Text(step, 0) + (Number(step, 7) != 0 ? ", id-mapped" : "");
    case Op::kOpenNamespace:
      return (Number(step, 1) != 0 ? "open namespace to be born into " : "open namespace ") + Text(step, 0);
    case Op::kMakeIdMapFd: return "make a user namespace with the maps of the mount";
    case Op::kCreateCgroup: return "create cgroup " + Text(step, 0);
    case Op::kWriteCgroup:
      return "set " + step.text.at(1) + " " + step.text.at(2) +
             (step.text.size() > 4 ? " or " + step.text[3] + " " + step.text[4] : std::string());
    case Op::kCgroupDevices: return "load " + std::to_string(step.text.size()) + " device rules";
    case Op::kOpenUnified: return "open the cgroup to clone into";
    case Op::kOpenTasks: return "open cgroup controller " + Text(step, 0);
    case Op::kOpenCgroupMount: return "open own cgroup of " + Text(step, 0) + " as mount source";
    case Op::kResolveUser:
      return step.text.empty() || step.text[0].empty() ? "look up the home of uid " + std::to_string(Number(step, 0))
                                                       : "look up user " + Text(step, 0);
    case Op::kRunHook: return "run hook " + Text(step, 0);
    case Op::kMaybeDirectory: return "make bind source " + Text(step, 0) + ", a directory, if it is missing";
    case Op::kCopyUp: return "copy " + Text(step, 0) + " of the image into volume " + Text(step, 1) + " if empty";
    case Op::kWriteIdMaps: return "write the user namespace's id maps";
    case Op::kOomScore: return "set oom_score_adj to " + List(step, 0);
    case Op::kEnsureTable: return "ensure nft table 'inet estiba'";
    case Op::kEnsureBridge: return "ensure bridge " + Text(step, 0) + " with address " + Text(step, 1);
    case Op::kAddVeth:
      return "add veth " + Text(step, 1) + " on bridge " + Text(step, 0) + ", " + Text(step, 2) + " inside";
    case Op::kConfigureInside:
      return "configure " + Text(step, 0) + " with " + Text(step, 1) + ", gateway " + Text(step, 2);
    case Op::kIntelRdt: return "join resctrl class " + Text(step, 0);
    case Op::kDeleteResctrl: return "delete resctrl group " + Text(step, 0);
    case Op::kMoveLink:
      return "move link " + Text(step, 0) + " inside" + (step.text.at(1).empty() ? "" : " as " + Text(step, 1));
    case Op::kPublishPorts: return "publish ports " + Ports(step.text);
    case Op::kUnpublishPorts: return "unpublish ports " + Ports(step.text);
    case Op::kDeleteCgroup: return "delete cgroup " + Text(step, 0);
    case Op::kKillCgroup: return "kill everything in cgroup " + Text(step, 0);
    case Op::kDeleteVeth: return "delete veth " + Text(step, 0);
    default: break;
  }
  std::string text(OpName(step.op));
  for (const std::string& operand : step.text) text += " " + Quote(operand);
  return text;
}

std::string MountOpText(C op, const Step& step) {
  switch (op) {
    case C::kPropagation: return "cut mount propagation to the host";
    case C::kTmpCopyUp: return "open " + Text(step, 0) + ", to copy it into the tmpfs over it";
    case C::kAttachRoot: return "attach the root at " + Text(step, 0);
    case C::kMount: return MountText(step);
    case C::kAttach: return "bind on " + Text(step, 0);
    case C::kDevice: return DeviceText(step, "make device ", 0);
    case C::kBindDevice: return DeviceText(step, "bind device ", 1);
    case C::kSymlink: return "link " + Text(step, 1) + " to " + Text(step, 0);
    case C::kMakeDirectory: return "make directory " + Text(step, 0) + " unless it exists";
    case C::kMakeFile: return "make file " + Text(step, 0) + " unless it exists";
    case C::kOpenNull: return "open '/dev/null' of the host, verified";
    case C::kMask: return "mask " + Text(step, 0);
    case C::kReadonlyPath: return "make " + Text(step, 0) + " read-only";
    case C::kPivot: return "pivot into the root, detach the host's tree";
    case C::kMoveRoot: return "move the root over '/'";
    case C::kSetAttributes:
      return Number(step, 2) != 0 ? std::string("set mount propagation")
                                  : "set mount attributes (" + Attributes(Number(step, 0)) + ")";
    default: return {};
  }
}

std::string IdentityText(C op, const Step& step) {
  switch (op) {
    case C::kBecomeRoot: return "become root of the user namespace";
    case C::kChownStdio: return "give stdio to uid " + std::to_string(Number(step, 0));
    case C::kDropBounding: return "drop the bounding set to: " + CapabilityText(Number(step, 0));
    case C::kGroups:
      if (Number(step, 0) != 0) return "keep the supplementary groups, which nobody can change here";
      return "set " + std::to_string(step.blob.size() / 4) + " supplementary groups";
    case C::kIdentity:
      if (!step.text.empty()) return "become user " + Text(step, 0) + " as looked up";
      return "become uid " + std::to_string(Number(step, 0)) + ", gid " + std::to_string(Number(step, 1));
    case C::kCapabilities: return "set capabilities to: " + CapabilityText(Number(step, 0));
    case C::kNoNewPrivileges: return "set no_new_privs";
    case C::kSendSeccompListener: return "hand the seccomp listener to the agent at " + Text(step, 0);
    case C::kSeccomp: return "load a seccomp filter of " + std::to_string(step.blob.size() / 8) + " instructions";
    case C::kRlimit:
      return "set " + Text(step, 0) + " to " + LimitText(Number(step, 1)) + ":" + LimitText(Number(step, 2)) +
             (Number(step, 3) != 0 ? " or what may be had" : "");
    case C::kUmask: {
      const std::uint64_t mask = Number(step, 0);
      return std::string("set umask 0") + static_cast<char>('0' + (mask >> 6 & 7)) +
             static_cast<char>('0' + (mask >> 3 & 7)) + static_cast<char>('0' + (mask & 7));
    }
    default: return {};
  }
}

std::string ProcessText(C op, const Step& step) {
  switch (op) {
    case C::kWaitHost: return "wait for the host's steps";
    case C::kReport: return "tell the host that everything is mounted";
    case C::kJoinCgroup: return "join the cgroup of " + Text(step, 0);
    case C::kUnshare: return "make namespaces: " + Namespaces(Number(step, 0));
    case C::kSetNamespace: return "enter namespaces: " + Namespaces(Number(step, 0));
    case C::kWriteProc: return "write " + Text(step, 1) + " to '/proc/" + (step.text.empty() ? "" : step.text[0]) + "'";
    case C::kHostname: return "set hostname " + Text(step, 0);
    case C::kDomainname: return "set domainname " + Text(step, 0);
    case C::kLoopbackUp: return "bring up 'lo'";
    case C::kHook: return "run hook " + Text(step, 0);
    case C::kOpenTerminal: return "open a terminal, bind it on '/dev/console'";
    case C::kResetInherited: return "reset nice, scheduling, affinity, personality and ambient capabilities";
    case C::kSessionKeyring: return "join session keyring " + Text(step, 0);
    case C::kNewSession: return "start a session";
    case C::kStdio: return "take stdin, stdout, stderr";
    case C::kOpenFile: return "open " + Text(step, 0);
    case C::kWriteSlot: return "set security label " + Text(step, 0);
    case C::kWorkDirectory: return "change to directory " + Text(step, 0);
    case C::kFindProgram: return "find program " + Text(step, 0);
    case C::kWaitStart: return "wait to be started";
    case C::kCloseDescriptors: return "close every other descriptor";
    case C::kExec: return "execute " + Words(step.text);
    case C::kPersonality: return "set personality " + Text(step, 0);
    case C::kScheduler: return "set scheduling policy " + Text(step, 0);
    case C::kIoPriority: return "set I/O priority";
    case C::kAffinity: return "set CPU affinity";
    case C::kMemoryPolicy: return "set memory policy " + Text(step, 0);
    default: return {};
  }
}

}  // namespace

std::string Describe(const Step& step) {
  if (step.op <= Op::kChildBase) return HostText(step);
  const auto op = static_cast<C>(static_cast<unsigned>(step.op) - static_cast<unsigned>(Op::kChildBase));
  std::string text = MountOpText(op, step);
  if (text.empty()) text = IdentityText(op, step);
  if (text.empty()) text = ProcessText(op, step);
  return text.empty() ? HostText(step) : text;
}

std::string DescribeNamespaces(std::uint64_t flags) { return Namespaces(flags); }

}  // namespace estiba::plan
