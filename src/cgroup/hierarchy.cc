#include "cgroup/hierarchy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "covered.h"
#include "os/bpf.h"
#include "os/file.h"

namespace estiba::cgroup {
namespace {

// Undoes the octal escapes of mountinfo: "\040" is a blank.
std::string Unescape(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      plain +=
          static_cast<char>(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Options of a v1 superblock that are no controllers.
bool IsMountFlag(std::string_view option) {
  return option == "rw" || option == "ro" || option == "clone_children" || option == "noprefix" ||
         option == "xattr" || option == "none" || option == "cpuset_v2_mode" || option == "favordynmods" ||
         option == "nofavordynmods" || option == "release_agent" || option.starts_with("release_agent=") ||
         option == "all" || option == "seclabel";
}

void ReadOptions(std::string_view options, Hierarchy& hierarchy) {
  for (const std::string& option : Split(options, ',')) {
    if (option.starts_with("name=")) {
      hierarchy.name = option.substr(5);
    } else if (!option.empty() && !IsMountFlag(option)) {
      hierarchy.controllers.push_back(option);
    }
  }
}

// "36 35 0:31 /root /mount/point options optional… - cgroup source super,options" (proc_pid_mountinfo(5)).
std::optional<Hierarchy> ParseMount(const MountLine& fields) {
  const auto dash = std::ranges::find(fields, "-");
  if (fields.size() < 7 || fields.end() - dash < 4) return std::nullopt;
  const std::string& type = dash[1];
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  Hierarchy hierarchy;
  hierarchy.unified = type == "cgroup2";
  hierarchy.mount_root = Unescape(fields[3]);
  hierarchy.mountpoint = Unescape(fields[4]);
  if (!hierarchy.unified) ReadOptions(dash[3], hierarchy);
  return hierarchy;
}

bool SameHierarchy(const Hierarchy& a, const Hierarchy& b) {
  return a.unified == b.unified && a.name == b.name && a.controllers == b.controllers;
}

// The cgroup as the mount shows it: what the mount's root hides is taken off.
std::string BelowMount(const std::string& path, const std::string& mount_root) {
  if (mount_root.empty() || mount_root == "/") return path;
  if (path == mount_root) return "/";
  if (path.starts_with(mount_root + "/")) return path.substr(mount_root.size());
  return "/";  // the mount shows another part of the tree
}

// "5:cpu,cpuacct:/path", "1:name=systemd:/", "0::/path" (cgroups(7)).
void ReadOwnPath(std::string_view line, std::vector<Hierarchy>& hierarchies) {
  const auto first = line.find(':');
  const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
  if (second == std::string_view::npos) return;
  const std::string path(line.substr(second + 1));
  if (!path.starts_with('/')) return;
  Hierarchy named;
  named.unified = second == first + 1;
  ReadOptions(line.substr(first + 1, second - first - 1), named);
  for (Hierarchy& hierarchy : hierarchies) {
    const bool same = named.unified
                          ? hierarchy.unified
                          : !hierarchy.unified && hierarchy.name == named.name &&
                                std::ranges::is_permutation(hierarchy.controllers, named.controllers);
    if (same) hierarchy.own_path = BelowMount(path, hierarchy.mount_root);
  }
}

bool Writable(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

// What only the mounted tree can tell: where we may write, which controllers the unified one offers there,
// whether device programs and swap limits are to be had.
Status AskMount(Hierarchy& hierarchy, Hierarchies& all) {
  hierarchy.delegated = Writable(hierarchy.mountpoint);
  if (!hierarchy.delegated) {
    hierarchy.base = hierarchy.own_path;
    hierarchy.delegated = Writable(hierarchy.mountpoint + hierarchy.base);
  }
  if (!hierarchy.unified) {
    if (std::ranges::find(hierarchy.controllers, "memory") != hierarchy.controllers.end())
      all.swap_accounting =
          ::access((hierarchy.mountpoint + "/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0;
    return Ok();
  }
  const std::string base = hierarchy.mountpoint + hierarchy.base;
  const std::string controllers =
      TRY_CTX(os::ReadFile(base + "/cgroup.controllers"), "find the cgroup controllers");
  for (const std::string& controller : Split(Trim(controllers), ' '))
    if (!controller.empty()) hierarchy.controllers.push_back(controller);
  const os::UniqueFd root = TRY(os::OpenAt({AT_FDCWD}, base, O_RDONLY | O_DIRECTORY));
  all.device_programs = hierarchy.delegated && os::QueryDevicePrograms(root.get()).ok();
  return Ok();
}

Mode ModeOf(const std::vector<Hierarchy>& hierarchies) {
  const bool unified = std::ranges::any_of(hierarchies, &Hierarchy::unified);
  const bool legacy = std::ranges::any_of(
      hierarchies, [](const Hierarchy& h) { return !h.unified && !h.controllers.empty(); });
  if (unified) return legacy ? Mode::kHybrid : Mode::kUnified;
  return hierarchies.empty() ? Mode::kNone : Mode::kLegacy;
}

}  // namespace

const Hierarchy* Hierarchies::Unified() const {
  const auto found = std::ranges::find_if(hierarchies, &Hierarchy::unified);
  return found == hierarchies.end() ? nullptr : &*found;
}

const Hierarchy* Hierarchies::Find(std::string_view controller) const {
  if (controller == "unified") return Unified();
  const auto found = std::ranges::find_if(hierarchies, [&](const Hierarchy& h) {
    return std::ranges::find(h.controllers, controller) != h.controllers.end();
  });
  return found == hierarchies.end() ? nullptr : &*found;
}

std::string Hierarchies::Resolve(const std::string& path) const {
  if (path.starts_with('/')) return path;
  const Hierarchy* first = Unified() != nullptr && Unified()->delegated ? Unified() : nullptr;
  for (const Hierarchy& hierarchy : hierarchies)
    if (first == nullptr && hierarchy.delegated) first = &hierarchy;
  const std::string base = first == nullptr || first->base == "/" ? "" : first->base;
  return base + "/" + path;
}

Result<std::string> UnifiedPathOf(const Hierarchies& hierarchies, pid_t pid) {
  if (hierarchies.Unified() == nullptr) return std::string();
  std::vector<Hierarchy> unified = {*hierarchies.Unified()};
  unified[0].own_path.clear();
  const std::string text = TRY(os::ReadFile("/proc/" + std::to_string(pid) + "/cgroup"));
  for (const std::string& line : Split(text, '\n')) ReadOwnPath(line, unified);
  return std::move(unified[0].own_path);
}

Hierarchies ProbeFrom(std::string_view mountinfo, std::string_view self_cgroup,
                      std::string_view unified_controllers) {
  Hierarchies probed;
  const std::vector<MountLine> mounts = MountLines(mountinfo);
  for (const MountLine& line : mounts) {
    auto mount = ParseMount(line);
    if (!mount || Covered(mounts, line)) continue;
    const bool known =
        std::ranges::any_of(probed.hierarchies, [&](const Hierarchy& h) { return SameHierarchy(h, *mount); });
    if (!known) probed.hierarchies.push_back(std::move(*mount));
  }
  for (const std::string& line : Split(self_cgroup, '\n')) ReadOwnPath(line, probed.hierarchies);
  for (Hierarchy& hierarchy : probed.hierarchies) {
    if (!hierarchy.unified) continue;
    for (const std::string& controller : Split(Trim(unified_controllers), ' '))
      if (!controller.empty()) hierarchy.controllers.push_back(controller);
  }
  probed.mode = ModeOf(probed.hierarchies);
  return probed;
}

Status UseRootControllers(Hierarchies& hierarchies) {
  for (Hierarchy& hierarchy : hierarchies.hierarchies) {
    if (!hierarchy.unified) continue;
    const std::string text =
        TRY_CTX(os::ReadFile(hierarchy.mountpoint + "/cgroup.controllers"), "find the cgroup controllers");
    hierarchy.controllers = Split(Trim(text), ' ');
    std::erase(hierarchy.controllers, "");
  }
  return Ok();
}

Result<Hierarchies> Probe() {
  const std::string mountinfo = TRY_CTX(os::ReadFile("/proc/self/mountinfo"), "find the cgroup hierarchies");
  const std::string own = TRY_CTX(os::ReadFile("/proc/self/cgroup"), "find the cgroup hierarchies");
  Hierarchies probed = ProbeFrom(mountinfo, own, "");
  for (Hierarchy& hierarchy : probed.hierarchies) TRY(AskMount(hierarchy, probed));
  probed.mode = ModeOf(probed.hierarchies);
  return probed;
}

}  // namespace estiba::cgroup
