#include "security/apparmor.h"

namespace estiba::security {
namespace {

// What denies wins over what allows, so everything is allowed first. A set like {[^k],k[^e]} is how the language says
// "any name but those that begin with 'ke'".
constexpr const char* kRules = R"(
  # Capabilities, the network and files are as the container's own settings have them...
  capability,
  network,
  unix,
  file,
  umount,

  # ...but for the kernel's crypto sockets, mounts, and what of /proc and /sys is the machine's.
  deny network alg,
  deny mount,
  deny remount,
  deny pivot_root,

  # Of /proc only the processes' own folders can be written...
  deny /proc/* w,
  deny /proc/{[^1-9s],s[^y],sy[^s],sys[^/]}*/** w,
  # ...and of /proc/sys the limits of System V shared memory, which are the container's.
  deny /proc/sys/{[^k],k[^e],ke[^r],ker[^n],kern[^e],kerne[^l],kernel[^/]}** w,
  deny /proc/sys/kernel/{[^s],s[^h],sh[^m]}** w,
  deny /proc/sys/kernel/{s,sh} w,
  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,

  # Of /sys the control groups.
  deny /sys/{[^f],f[^s],fs[^/]}** wklx,
  deny /sys/fs/{[^c],c[^g],cg[^r],cgr[^o],cgro[^u],cgrou[^p]}** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
)";

// As it is, in a language where names are patterns.
std::string Quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    if (std::string_view("\"\\*?[]{}^@,").find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text + "\"";
}

}  // namespace

std::string AppArmorProfile(const AppArmorProfileOptions& options) {
  const std::string self = Quoted(options.name);
  std::string text = "# Containers of estiba that name no other profile.\n";
  if (options.abi) text += "abi <abi/3.0>,\n";
  text += "profile " + self + " flags=(attach_disconnected,mediate_deleted) {";
  text += kRules;
  text += "\n  # Processes of containers reach each other, and are reached by whoever runs them.\n";
  text += "  signal (send, receive) peer=" + self + ",\n";
  text += "  signal (receive) peer=unconfined,\n";
  text += "  ptrace (trace, tracedby, read, readby) peer=" + self + ",\n";
  text += "  ptrace (tracedby, readby) peer=unconfined,\n";
  if (options.runtime != "unconfined") {
    text += "  signal (receive) peer=" + Quoted(options.runtime) + ",\n";
    text += "  ptrace (tracedby, readby) peer=" + Quoted(options.runtime) + ",\n";
  }
  return text + "}\n";
}

std::string AppArmorLabelName(std::string_view current) {
  while (!current.empty() && (current.back() == '\n' || current.back() == '\0')) current.remove_suffix(1);
  // Names may hold spaces: the mode comes last.
  const std::size_t mode = current.rfind(" (");
  return std::string(current.substr(0, mode));
}

bool ListsAppArmorProfile(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view line = list.substr(0, list.find('\n'));
    if (AppArmorLabelName(line) == name) return true;
    list.remove_prefix(line.size() == list.size() ? line.size() : line.size() + 1);
  }
  return false;
}

}  // namespace estiba::security
