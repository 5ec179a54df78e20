#include "shell_lines.h"

#include <utility>

#include <sys/stat.h>

#include "base/text.h"
#include "child/step.h"
#include "describe.h"

namespace estiba::plan {
namespace {

using C = child::Op;

std::string Arg(const Step& step, std::size_t index) { return ShellWord(TextAt(step, index)); }
std::string InRoot(const Step& step, std::size_t index) { return "\"$root\"" + Arg(step, index); }
std::string Slot(int slot) { return "slot" + std::to_string(slot); }

int InputOf(const Step& step, std::size_t index) { return index < step.in.size() ? step.in[index] : kNoSlot; }

std::string PathOf(const ShellState& state, int slot) {
  const auto found = state.paths.find(slot);
  return found == state.paths.end() ? std::string() : found->second;
}

// A mount of its own, that others are bound from.
std::string OwnMount(const Step& step, ShellState& state, const std::string& words) {
  state.paths[step.out] = "\"$" + Slot(step.out) + "\"";
  return Slot(step.out) + "=$(mktemp -d)\nmount " + words + " \"$" + Slot(step.out) + "\"";
}

std::string Filesystem(const Step& step, ShellState& state) {
  const std::string options = MountOptionsText(step);
  return OwnMount(step, state, "-t " + Arg(step, 0) + (options.empty() ? "" : " -o " + ShellWord(options)) + " " +
                                   Arg(step, 1));
}

std::string Overlay(const Step& step, ShellState& state) {
  if (NumberAt(step, 2) != 0) return {};  // id-mapped
  std::string options;
  std::string plain = "lowerdir=";
  std::size_t image = 2;
  for (std::size_t i = 2; i < step.text.size(); ++i) {
    plain += (i == 2 ? "" : ":") + step.text[i];
    if (step.text[i].empty()) options += ShellWord(std::exchange(plain, {})) + PathOf(state, InputOf(step, image++));
  }
  if (!TextAt(step, 0).empty()) plain += ",upperdir=" + step.text[0] + ",workdir=" + TextAt(step, 1);
  if ((NumberAt(step, 0) & kOverlayVolatile) != 0) plain += ",volatile";
  if (!plain.empty()) options += ShellWord(plain);
  const bool bound = TextAt(step, 0).empty() && step.text.size() == 3;
  const std::string lower = TextAt(step, 2).empty() ? PathOf(state, InputOf(step, 2)) : Arg(step, 2);
  const std::string words = bound ? "--bind -o ro " + lower : "-t overlay overlay -o " + options;
  if (step.why != "root") return OwnMount(step, state, words);
  state.paths[step.out] = "\"$root\"";
  state.root_mount = state.images + "mount " + words + " \"$root\"";
  return ":";
}

// mount(8) finds the file a loop device where that is needed. The root's go with its mount namespace.
std::string MountImage(const Step& step, ShellState& state) {
  if (!step.in.empty()) return {};  // id-mapped
  const std::string words = "-t erofs -o ro " + Arg(step, 0);
  if (step.why != "root") return OwnMount(step, state, words);
  const std::string folder = "\"$work/" + Slot(step.out) + "\"";
  state.paths[step.out] = folder;
  state.images += "mount " + words + " " + folder + "\n";
  return "mkdir " + folder;
}

std::string Rest(const Step& step) {
  std::string words;
  for (std::size_t i = 1; i < step.text.size(); ++i) words += " " + Arg(step, i);
  return words;
}

std::string OpenSource(const Step& step, ShellState& state) {
  if (NumberAt(step, 7) != 0) return {};  // id-mapped
  state.paths[step.out] = "\"$" + Slot(step.out) + "\"";
  state.sources[step.out] = &step;
  const std::string made = InputOf(step, 1) == kNoSlot ? Arg(step, 0) : PathOf(state, InputOf(step, 1));
  return Slot(step.out) + "=" + made + (step.text.size() > 1 ? "/" + Arg(step, 1) : "");
}

// 'name=systemd' is mounted as 'systemd'.
std::string OpenCgroup(const Step& step, ShellState& state) {
  const std::string key = TextAt(step, 0);
  state.paths[step.out] = "\"$" + Slot(step.out) + "\"";
  state.sources[step.out] = &step;
  return Slot(step.out) + "=$(group " + ShellWord(key.starts_with("name=") ? key.substr(5) : key) + ")";
}

std::string WriteCgroup(const Step& step) {
  const bool optional = NumberAt(step, 0) != 0 || step.text.size() > 3;
  return "echo " + Arg(step, 2) + " > \"$(group " + Arg(step, 0) + ")/\"" + Arg(step, 1) + (optional ? " || :" : "");
}

std::string OwnCgroup(const Step& step) {
  return "for each in . $(cat /sys/kernel/cgroup/delegate); do\n  [ ! -e \"/sys/fs/cgroup$cgroup/$each\" ] || chown " +
         std::to_string(NumberAt(step, 0)) + " \"/sys/fs/cgroup$cgroup/$each\"\ndone";
}

std::vector<std::string> TextWords(const std::string& text) {
  return text.empty() ? std::vector<std::string>() : Split(text, ' ');
}

// Each with its length; steps of earlier engines name one address, and its subnet apart.
std::vector<std::string> BridgeAddresses(const Step& step) {
  const std::string subnet = TextAt(step, 2);
  if (TextAt(step, 1).contains('/') || TextAt(step, 1).empty()) return TextWords(TextAt(step, 1));
  return {TextAt(step, 1) + subnet.substr(subnet.find('/'))};
}

std::string Bridge(const Step& step) {
  const std::string name = Arg(step, 0);
  std::string lines = "ip link show " + name + " > /dev/null 2>&1 || ip link add " + name + " type bridge";
  for (const std::string& address : BridgeAddresses(step))
    lines += "\nip addr replace " + ShellWord(address) + " dev " + name;
  return lines + "\nip link set " + name + " up";
}

std::string BridgeLink(const Step& step) {
  const std::string name = Arg(step, 0);
  const std::string vlan = NumberAt(step, 1) == 0 ? "" : std::to_string(NumberAt(step, 1));
  std::string lines = "ip link show " + name + " > /dev/null 2>&1 || ip link add " + name + " address " + Arg(step, 1) +
                      " type bridge" + (vlan.empty() ? "" : " vlan_filtering 1 vlan_default_pvid 0");
  if (!TextAt(step, 2).empty()) lines += "\nip link set " + name + " master " + Arg(step, 2);
  if (!vlan.empty()) lines += "\nbridge vlan add dev " + name + " vid " + vlan + " pvid untagged self";
  return lines;
}

std::string Veth(const Step& step) {
  return "ip link add " + Arg(step, 1) + " master " + Arg(step, 0) + " up type veth peer name " + Arg(step, 2) +
         " address " + Arg(step, 3) + " netns \"$pid\"" +
         (NumberAt(step, 1) != 0 ? "\nbridge link set dev " + Arg(step, 1) + " isolated on" : "");
}

std::string Parent(const Step& step) {
  const std::string name = Arg(step, 0);
  const std::string how = TextAt(step, 1).empty()
                              ? "ip link add " + name + " type dummy"
                              : "ip link add link " + Arg(step, 1) + " name " + name + " type vlan id " +
                                    std::to_string(NumberAt(step, 0));
  return "if ! ip link show " + name + " > /dev/null 2>&1; then\n  " + how + "\n  ip link set " + name + " up\nfi";
}

std::string UpperLink(const Step& step) {
  std::string line = "ip link add link " + Arg(step, 1) + " name " + Arg(step, 2);
  if (!TextAt(step, 3).empty()) line += " address " + Arg(step, 3);
  if (NumberAt(step, 2) != 0) line += " mtu " + std::to_string(NumberAt(step, 2));
  return line + " netns \"$pid\" type " + TextAt(step, 0) + ' ' + TextAt(step, 5);
}

std::string ConfigureInside(const Step& step) {
  const std::string inside = "nsenter -t \"$pid\" -n ip ";
  std::string lines = inside + "link set lo up";
  for (const std::string& address : TextWords(TextAt(step, 1)))
    lines += "\n" + inside + "addr add " + ShellWord(address) + " dev " + Arg(step, 0);
  lines += "\n" + inside + "link set " + Arg(step, 0) + " up";
  for (const std::string& gateway : TextWords(TextAt(step, 2)))
    lines += "\n" + inside + "route add default via " + ShellWord(gateway);
  return lines;
}

std::string Home(const Step& step) {
  if (!TextAt(step, 0).empty()) return {};  // by name: its numbers are in the root's files, too
  return "home_uid=" + std::to_string(NumberAt(step, 0));
}

// What a mount's attributes are changed to once it is there.
std::string Remount(const std::string& target, std::uint64_t set, std::uint64_t clear) {
  constexpr struct {
    std::uint64_t flag;
    const char* name;
  } kOpposites[] = {{1, "rw"}, {2, "suid"}, {4, "dev"}, {8, "exec"}};
  std::string options = AttributesText(set);
  for (const auto& opposite : kOpposites) {
    if ((clear & opposite.flag) != 0) options += std::string(options.empty() ? "" : ",") + opposite.name;
  }
  return options.empty() ? options : "\nmount -o remount,bind," + options + " " + target;
}

std::string Propagation(const std::string& target, std::uint64_t flags, bool recursive) {
  constexpr struct {
    std::uint64_t flag;
    const char* name;
  } kNames[] = {{1U << 17, "unbindable"}, {1U << 18, "private"}, {1U << 19, "slave"}, {1U << 20, "shared"}};
  for (const auto& each : kNames) {
    if ((flags & each.flag) == 0) continue;
    return std::string("\nmount --make-") + (recursive ? "r" : "") + each.name + " " + target;
  }
  return {};
}

// The first line of what else follows another.
std::string WithoutNewline(const std::string& lines) { return lines.empty() ? lines : lines.substr(1); }

std::string Attach(const Step& step, ShellState& state) {
  const int source = InputOf(step, 1);
  const auto opened = state.sources.find(source);
  if (opened == state.sources.end()) return {};
  const Step& open = *opened->second;
  const std::string from = PathOf(state, source);
  const std::string target = InRoot(step, 0);
  if (open.op == Op::kOpenCgroupMount) {
    const std::string lines = "bind " + from + " " + target + Remount(target, NumberAt(open, 0) | NumberAt(step, 0), 0);
    return "if [ -d " + from + " ]; then\n" + lines + "\nfi";
  }
  std::string lines = (NumberAt(open, 0) != 0 ? "rbind " : "bind ") + from + " " + target;
  lines += Remount(target, NumberAt(open, 1) | NumberAt(open, 5), NumberAt(open, 2) | NumberAt(open, 6));
  return lines + Propagation(target, NumberAt(open, 3), NumberAt(open, 4) != 0);
}

std::string Mount(const Step& step, ShellState& state) {
  const std::string target = InRoot(step, 2);
  state.paths[step.out] = target;
  const std::string options = MountOptionsText(step);
  std::string words = options.empty() ? "" : " -o " + ShellWord(options);
  // A tmpfs takes the mode of the directory it covers.
  if ((NumberAt(step, 3) & child::kTargetKeepMode) != 0) words += " -o mode=\"$(stat -c %a " + target + ")\"";
  return "mkdir -p " + target + "\nmount -t " + Arg(step, 0) + words + " " + Arg(step, 1) + " " + target +
         Propagation(target, NumberAt(step, 2), false);
}

std::string SetAttributes(const Step& step, const ShellState& state) {
  const std::string target = PathOf(state, InputOf(step, 0));
  if (target.empty()) return {};
  return WithoutNewline(Remount(target, NumberAt(step, 0), NumberAt(step, 1)) +
                        Propagation(target, NumberAt(step, 2), NumberAt(step, 3) != 0));
}

std::string Device(const Step& step) {
  const char* kind = NumberAt(step, 0) == S_IFBLK ? " b " : NumberAt(step, 0) == S_IFIFO ? " p" : " c ";
  std::string lines = "[ -e " + InRoot(step, 0) + " ] || mknod -m " + UmaskText(NumberAt(step, 3)) + " " +
                      InRoot(step, 0) + kind;
  if (NumberAt(step, 0) != S_IFIFO)
    lines += std::to_string(NumberAt(step, 1)) + " " + std::to_string(NumberAt(step, 2));
  if ((NumberAt(step, 4) | NumberAt(step, 5)) != 0)
    lines += "\nchown " + std::to_string(NumberAt(step, 4)) + ":" + std::to_string(NumberAt(step, 5)) + " " +
             InRoot(step, 0);
  return lines;
}

std::string Limit(std::uint64_t value) {
  return value == ~std::uint64_t{0} ? std::string("unlimited") : std::to_string(value);
}

std::string Rlimit(const Step& step) {
  constexpr std::string_view kPrefix = "RLIMIT_";
  std::string name = TextAt(step, 0);
  if (!name.starts_with(kPrefix)) return {};
  return "prlimit --pid $$ --" + ToLower(name.substr(kPrefix.size())) + "=" + Limit(NumberAt(step, 1)) + ":" +
         Limit(NumberAt(step, 2)) + (NumberAt(step, 3) != 0 ? " || :" : "");
}

std::string MountCommands(C op, const Step& step, ShellState& state) {
  switch (op) {
    case C::kPropagation: return WithoutNewline(Propagation("/", NumberAt(step, 0), true));
    case C::kAttachRoot: return state.root_mount;
    case C::kMount: return Mount(step, state);
    case C::kAttach: return Attach(step, state);
    case C::kDevice: return Device(step);
    case C::kBindDevice: return "bind " + Arg(step, 0) + " " + InRoot(step, 1);
    case C::kSymlink: return "[ -e " + InRoot(step, 1) + " ] || ln -sf " + Arg(step, 0) + " " + InRoot(step, 1);
    case C::kMakeDirectory: return "mkdir -p " + InRoot(step, 0);
    case C::kMakeFile: return "[ -e " + InRoot(step, 0) + " ] || : > " + InRoot(step, 0);
    case C::kMask: return "mask " + InRoot(step, 0);
    case C::kReadonlyPath: return "read_only " + InRoot(step, 0);
    case C::kSetAttributes: return SetAttributes(step, state);
    default: return {};
  }
}

}  // namespace

std::string ShellWord(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '\n') {
      out += "'\"$newline\"'";  // a word stays on its line, whatever is done to lines
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string HostCommands(const Step& step, ShellState& state) {
  switch (step.op) {
    case Op::kOpenRoot:
      state.paths[step.out] = "\"$root\"";
      state.root_mount = "mount --rbind \"$source\" \"$root\"";
      return "source=" + Arg(step, 0);
    case Op::kMountImage: return MountImage(step, state);
    case Op::kMountOverlay: return Overlay(step, state);
    case Op::kMountFilesystem: return Filesystem(step, state);
    case Op::kOpenTree: return OpenSource(step, state);
    case Op::kOpenCgroupMount: return OpenCgroup(step, state);
    case Op::kCreateCgroup: return "cgroup=" + Arg(step, 0) + "\ncreate_groups" + Rest(step);
    case Op::kWriteCgroup: return WriteCgroup(step);
    case Op::kOwnCgroup: return OwnCgroup(step);
    case Op::kResolveUser: return Home(step);
    case Op::kMaybeDirectory: return "mkdir -p " + Arg(step, 0);
    case Op::kWriteIdMaps:
      return "printf %s " + Arg(step, 0) + " > \"/proc/$pid/uid_map\"\nprintf %s " + Arg(step, 1) +
             " > \"/proc/$pid/gid_map\"";
    case Op::kOomScore: return "echo " + Arg(step, 0) + " > \"/proc/$pid/oom_score_adj\"";
    case Op::kEnsureBridge: return Bridge(step);
    case Op::kAddVeth: return Veth(step);
    case Op::kEnsureBridgeLink: return BridgeLink(step);
    case Op::kJoinVlan:
      return "bridge vlan add dev " + Arg(step, 0) + " vid " + std::to_string(NumberAt(step, 0)) + " pvid untagged";
    case Op::kEnsureParent: return Parent(step);
    case Op::kAddUpper: return UpperLink(step);
    case Op::kConfigureInside: return ConfigureInside(step);
    case Op::kMoveLink:
      return "ip link set " + Arg(step, 0) + " netns \"$pid\"" +
             (TextAt(step, 1).empty() ? "" : " name " + Arg(step, 1)) + "\nnsenter -t \"$pid\" -n ip link set " +
             Arg(step, TextAt(step, 1).empty() ? 0 : 1) + " up";
    case Op::kCniAdd:
      return "printf %s " + ShellWord(step.blob) + " | " + Arg(step, 0) + " attach " + Arg(step, 1) + " \"$pid\"";
    case Op::kCniDel: return Arg(step, 0) + " detach " + Arg(step, 1) + " " + Arg(step, 2);
    case Op::kDeleteCgroup: return "delete_groups";
    case Op::kDeleteVeth: return "ip link delete " + Arg(step, 0) + " 2> /dev/null || :";
    default: return {};
  }
}

std::string ChildCommands(const Step& step, ShellState& state) {
  const auto op = static_cast<C>(static_cast<unsigned>(step.op) - static_cast<unsigned>(Op::kChildBase));
  switch (op) {
    case C::kHostname: return "hostname " + Arg(step, 0);
    case C::kDomainname: return "domainname " + Arg(step, 0);
    case C::kLoopbackUp: return "ip link set lo up";
    case C::kWriteProc: return "printf %s " + Arg(step, 1) + " > /proc/" + Arg(step, 0);
    case C::kRlimit: return Rlimit(step);
    case C::kUmask: return "umask " + UmaskText(NumberAt(step, 0));
    default: return MountCommands(op, step, state);
  }
}

const char* ShellFunctions() {
  return R"(newline='
'
# The container's cgroup in the hierarchy of a controller.
group() {
  if [ -d "/sys/fs/cgroup/$1" ]; then echo "/sys/fs/cgroup/$1$cgroup"; else echo "/sys/fs/cgroup$cgroup"; fi
}
groups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup$cgroup"; return; fi
  for each in /sys/fs/cgroup/*/; do
    [ -L "${each%/}" ] || [ ! -e "${each}cgroup.procs" ] || echo "${each%/}$cgroup"
  done
}
make_group() {
  if [ -d "$1" ]; then return; fi
  make_group "${1%/*}"
  for each in $controllers; do # version 2: handed down from the group above
    [ ! -e "${1%/*}/cgroup.subtree_control" ] || echo "+$each" > "${1%/*}/cgroup.subtree_control" 2> /dev/null || :
  done
  mkdir "$1"
  if [ -e "$1/cpuset.mems" ] && [ ! -e "$1/cgroup.type" ]; then # version 1: begins with neither
    cat "${1%/*}/cpuset.cpus" > "$1/cpuset.cpus"
    cat "${1%/*}/cpuset.mems" > "$1/cpuset.mems"
  fi
}
create_groups() {
  controllers=$*
  groups > "$work/groups"
  while read -r group; do make_group "$group"; done < "$work/groups"
}
join_groups() { while read -r group; do echo 0 > "$group/cgroup.procs"; done < "$work/groups"; }
delete_groups() { while read -r group; do rmdir "$group" || :; done < "$work/groups"; }
place() { # a mount point for $1 at $2
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}"; [ -e "$2" ] || : > "$2"; fi
}
bind() { place "$1" "$2"; mount --bind "$1" "$2"; }
rbind() { place "$1" "$2"; mount --rbind "$1" "$2"; }
mask() {
  if [ -d "$1" ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec tmpfs "$1"
  elif [ -e "$1" ]; then mount --bind /dev/null "$1"; fi
}
read_only() { [ ! -e "$1" ] || { mount --rbind "$1" "$1"; mount -o remount,bind,ro "$1"; }; }
# The program of the container's PATH.
find_program() {
  case $1 in */*) echo "$1"; return ;; esac
  IFS=:
  for each in $2; do [ ! -x "$root$each/$1" ] && [ ! -L "$root$each/$1" ] || { echo "$each/$1"; return; }; done
  echo "$1: not found in the container" >&2
  return 127
}
# The home directory of a uid, of the container's own passwd.
home_of() {
  found=/
  [ ! -r "$root/etc/passwd" ] || while IFS=: read -r _ _ uid _ _ home _; do
    [ "$uid" != "$1" ] || { found=$home; break; }
  done < "$root/etc/passwd"
  echo "$found"
}
)";
}

}  // namespace estiba::plan
