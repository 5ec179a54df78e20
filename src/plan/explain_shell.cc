// The plan as a shell script: what one would type to get roughly the same container by hand.

#include <sched.h>

#include "child/step.h"
#include "plan/explain.h"

namespace estiba::plan {
namespace {

using C = child::Op;

// 'text' for a POSIX shell.
std::string Sh(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string Arg(const Step& step, std::size_t index) {
  return index < step.text.size() ? Sh(step.text[index]) : std::string("''");
}

std::string InRoot(const Step& step, std::size_t index) {
  return index < step.text.size() ? "\"$root\"" + Sh(step.text[index]) : std::string("\"$root\"");
}

std::uint64_t Number(const Step& step, std::size_t index) {
  return index < step.numbers.size() ? step.numbers[index] : 0;
}

std::string UnshareFlags(std::uint64_t flags) {
  std::string out;
  if ((flags & CLONE_NEWUSER) != 0) out += " --user --map-root-user";
  if ((flags & CLONE_NEWPID) != 0) out += " --pid --fork";
  if ((flags & CLONE_NEWNS) != 0) out += " --mount";
  if ((flags & CLONE_NEWNET) != 0) out += " --net";
  if ((flags & CLONE_NEWUTS) != 0) out += " --uts";
  if ((flags & CLONE_NEWIPC) != 0) out += " --ipc";
  if ((flags & 0x80) != 0) out += " --time";
  return out;
}

std::string Overlay(const Step& step) {
  std::string lowers;
  for (std::size_t i = 2; i < step.text.size(); ++i) lowers += (i == 2 ? "" : ":") + step.text[i];
  return "mount -t overlay overlay -o " +
         Sh("lowerdir=" + lowers + ",upperdir=" + step.text[0] + ",workdir=" + step.text[1]) + " \"$root\"";
}

// 'name=systemd' is mounted as 'systemd'.
std::string CgroupFolder(const Step& step) {
  const std::string key = step.text.empty() ? "" : step.text[0];
  return "/sys/fs/cgroup/" + (key.starts_with("name=") ? key.substr(5) : key) + "$cgroup";
}

std::string HostLine(const Step& step) {
  switch (step.op) {
    case Op::kOpenRoot: return "mount --rbind " + Arg(step, 0) + " \"$root\"";
    case Op::kMountOverlay: return Overlay(step);
    case Op::kOpenTree: return "slot" + std::to_string(step.out) + "=" + Arg(step, 0);
    case Op::kOpenCgroupMount: return "slot" + std::to_string(step.out) + "=" + CgroupFolder(step);
    case Op::kCreateCgroup: return "for c in /sys/fs/cgroup/*/; do mkdir -p \"$c\"" + Arg(step, 0) + "; done";
    case Op::kWriteCgroup:
      return "echo " + Arg(step, 2) + " > /sys/fs/cgroup/" + step.text.at(0) + "$cgroup/" + step.text.at(1);
    case Op::kEnsureBridge:
      return "ip link add " + Arg(step, 0) + " type bridge; ip addr add " + Arg(step, 1) + " dev " + Arg(step, 0) +
             "; ip link set " + Arg(step, 0) + " up";
    case Op::kAddVeth:
      return "ip link add " + Arg(step, 1) + " master " + Arg(step, 0) + " up type veth peer name " + Arg(step, 2) +
             " address " + Arg(step, 3) + " netns \"$pid\"";
    case Op::kConfigureInside:
      return "nsenter -t \"$pid\" -n sh -c " +
             Sh("ip link set lo up; ip addr add " + step.text.at(1) + " dev " + step.text.at(0) + "; ip link set " +
                step.text.at(0) + " up; ip route add default via " + step.text.at(2));
    case Op::kOomScore: return "echo " + Arg(step, 0) + " > /proc/$pid/oom_score_adj";
    case Op::kRunHook: return Arg(step, 0);
    case Op::kMaybeDirectory: return "[ -e " + Arg(step, 0) + " ] || mkdir -p " + Arg(step, 0);
    default: return {};
  }
}

// The target is made as what the source is.
std::string AttachLine(const Step& step) {
  const std::string source = "\"$slot" + std::to_string(step.in.size() > 1 ? step.in[1] : 0) + "\"";
  return "if [ -d " + source + " ]; then mkdir -p " + InRoot(step, 0) + "; else touch " + InRoot(step, 0) +
         "; fi; mount --rbind " + source + " " + InRoot(step, 0);
}

std::string MountLine(const Step& step) {
  return "mkdir -p " + InRoot(step, 2) + "; mount -t " + Arg(step, 0) + " " + Arg(step, 1) + " " + InRoot(step, 2);
}

std::string ChildLine(C op, const Step& step) {
  switch (op) {
    case C::kJoinCgroup: return "echo 0 > " + CgroupFolder(step) + "/tasks";
    case C::kPropagation: return "mount --make-rslave /";
    case C::kMount: return MountLine(step);
    case C::kAttach:
      return AttachLine(step);
    case C::kDevice:
      return "mknod " + InRoot(step, 0) + " c " + std::to_string(Number(step, 1)) + " " +
             std::to_string(Number(step, 2));
    case C::kBindDevice: return "touch " + InRoot(step, 1) + "; mount --bind " + Arg(step, 0) + " " + InRoot(step, 1);
    case C::kSymlink: return "ln -s " + Arg(step, 0) + " " + InRoot(step, 1);
    case C::kMakeDirectory: return "mkdir -p " + InRoot(step, 0);
    case C::kMask: return "mount --bind /dev/null " + InRoot(step, 0);
    case C::kReadonlyPath:
      return "mount --rbind " + InRoot(step, 0) + " " + InRoot(step, 0) + "; mount -o remount,bind,ro " +
             InRoot(step, 0);
    case C::kPivot: return "cd \"$root\"; pivot_root . .; umount -l .; cd /";
    case C::kHostname: return "hostname " + Arg(step, 0);
    case C::kDomainname: return "domainname " + Arg(step, 0);
    case C::kLoopbackUp: return "ip link set lo up";
    case C::kWriteProc: return "echo " + Arg(step, 1) + " > /proc/" + (step.text.empty() ? "" : step.text[0]);
    case C::kWorkDirectory: return "cd " + Arg(step, 0);
    case C::kIdentity:
      return "# setpriv --reuid " + std::to_string(Number(step, 0)) + " --regid " + std::to_string(Number(step, 1));
    case C::kNoNewPrivileges: return "# setpriv --no-new-privs";
    default: return {};
  }
}

}  // namespace

std::string ExplainShell(const Plan& plan) {
  std::string out = "#!/bin/sh\n# Roughly container '" + plan.name +
                    "' by hand. Lines that begin with '# ' have no command.\nset -e\n";
  out += "root=$(mktemp -d)\ncgroup=" + Sh(plan.cgroup_path) + "\n";
  bool cloned = false;
  for (const Step& step : plan.steps) {
    if (!cloned && step.where != Where::kHost) {
      cloned = true;
      out += "# the one clone: unshare" + UnshareFlags(plan.clone_flags) + "\n";
    }
    std::string line = step.op < Op::kChildBase
                           ? HostLine(step)
                           : ChildLine(static_cast<C>(static_cast<unsigned>(step.op) -
                                                      static_cast<unsigned>(Op::kChildBase)), step);
    if (line.empty()) line = "# " + Describe(step);
    const std::string where = step.where == Where::kHostChild ? " # on the host" : "";
    out += line + where + "\n";
  }
  out += "exec";
  for (const std::string& arg : plan.args) out += " " + Sh(arg);
  return out + "\n";
}

}  // namespace estiba::plan
