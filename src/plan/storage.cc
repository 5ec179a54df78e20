// The mounts in the root.

#include <algorithm>

#include <linux/mount.h>
#include <sched.h>

#include "base/parse.h"
#include "base/text.h"
#include "builder.h"

namespace estiba::plan {
namespace {

using oci::NamespaceType;

constexpr std::uint64_t kMsPrivate = 1U << 18;
constexpr std::uint64_t kMsSlave = 1U << 19;
constexpr std::uint64_t kMsRecursive = 1U << 14;

std::string Destination(const oci::Mount& mount) {
  return !mount.destination.empty() && mount.destination[0] == '/' ? mount.destination : "/" + mount.destination;
}

bool IsKernelView(const std::string& type) {
  return type == "proc" || type == "sysfs" || type == "mqueue" || type == "devpts" || type == "cgroup2";
}

bool Mapped(const std::vector<oci::IdMapping>& maps, std::uint64_t id) {
  return maps.empty() || std::ranges::any_of(maps, [&](const oci::IdMapping& map) {
           return id >= map.container_id && id - map.container_id < map.size;
         });
}

// Group 5 need not be mapped in a user namespace, and devpts refuses ids that are not.
void DropUnmappedDevptsGroup(const oci::RuntimeSpec& spec, MountOptions& options) {
  if (spec.linux_config.gid_mappings.empty()) return;
  for (auto it = options.data.begin(); it != options.data.end(); ++it) {
    if (it->first != "gid") continue;
    const std::uint64_t gid = std::strtoull(it->second.c_str(), nullptr, 10);
    if (!Mapped(spec.linux_config.gid_mappings, gid)) options.data.erase(it);
    return;
  }
}

// An owner that is not mapped would be the kernel's EINVAL for the whole mount.
Status CheckOwners(const oci::Linux& config, const MountOptions& options, const std::string& why) {
  if (oci::FindNamespace(config, NamespaceType::kUser) == nullptr) return Ok();
  for (const auto& [key, value] : options.data) {
    if (key != "uid" && key != "gid") continue;
    const auto id = ParseUint(value, UINT32_MAX);
    if (!id.ok() || Mapped(key == "uid" ? config.uid_mappings : config.gid_mappings, *id)) continue;
    return Error(Code::kInvalidArgument, why + ": cannot specify " + key + "= mount options for unmapped " + key +
                                             " '" + value + "' in a user namespace")
        .Hint("leave the option away, or map the id (linux." + key + "Mappings)");
  }
  return Ok();
}

// Absolute, without ".", ".." and doubled slashes, as if there were no symbolic links.
std::string Cleaned(const std::string& path) {
  std::vector<std::string> parts;
  for (const std::string& part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string cleaned;
  for (const std::string& part : parts) cleaned += "/" + part;
  return cleaned;
}

// Files in /proc that only tell of the machine, which a mount may replace (lxcfs).
bool TellsOfMachine(const std::string& path) {
  constexpr std::string_view kMay[] = {"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat",
                                       "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo",
                                       "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"};
  return std::ranges::find(kMay, path) != std::end(kMay);
}

// TargetFlags that the destination asks for.
std::uint64_t TargetFlags(const oci::Mount& mount, bool attached) {
  const std::string path = Cleaned(mount.destination);
  if (attached && path == "/proc") return child::kTargetIsProc;
  return TellsOfMachine(path) ? std::uint64_t{child::kTargetMayBeProc} : 0;
}

// For AddPathRestrictions.
void NoteView(Builder& b, const oci::Mount& mount, int slot) {
  const std::string path = Cleaned(mount.destination);
  if (path.empty()) b.proc = b.sys = kNoSlot;  // over the root: what was mounted below is covered
  if (path == "/proc") b.proc = slot;
  if (path == "/sys") b.sys = slot;
}

Status AddFilesystem(Builder& b, const oci::RuntimeSpec& spec, const oci::Mount& mount, MountOptions options,
                     const std::string& why) {
  std::uint64_t target = TargetFlags(mount, /*attached=*/false);
  if (mount.type == "proc" || mount.type == "sysfs") target |= child::kTargetOrdinary;
  if (mount.type == "devpts") DropUnmappedDevptsGroup(spec, options);
  TRY(CheckOwners(spec.linux_config, options, why));
  if (mount.type == "tmpfs" && !options.Has("mode")) target |= child::kTargetKeepMode;
  if (options.copy_up && mount.type != "tmpfs") {
    return Error(Code::kInvalidArgument, why + ": option 'tmpcopyup' is for tmpfs only");
  }
  // What the kernel shows has labels of its own.
  const std::string& label = spec.linux_config.mount_label;
  if (!label.empty() && !IsKernelView(mount.type) && !options.Has("context")) {
    options.data.emplace_back("context", label);
  }
  int content = kNoSlot;
  if (options.copy_up) {
    content = b.NewSlot();
    Step& open = b.Child(child::Op::kTmpCopyUp, why, {Destination(mount)});
    open.in = {b.root};
    open.out = content;
  }
  if ((options.recursive_set | options.recursive_clear) != 0) {
    options.set = (options.set & ~options.recursive_clear) | options.recursive_set;
  }
  // A tmpfs that is given content or an owner first becomes read-only afterwards.
  const bool readonly = (options.set & MOUNT_ATTR_RDONLY) != 0;
  const bool dev = Cleaned(mount.destination) == "/dev";
  const bool close_later = readonly && (dev || options.copy_up || (target & child::kTargetKeepMode) != 0);
  if (close_later) options.set &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  // What the kernel shows is shared with others: read-only is this mount's property, not the file system's.
  if ((options.set & MOUNT_ATTR_RDONLY) != 0 && !IsKernelView(mount.type)) options.super |= child::kSuperReadOnly;
  Step& step = b.Child(child::Op::kMount, why, {mount.type, mount.source, Destination(mount)},
                       {options.set, options.super, options.propagation, target});
  step.in = {b.root};
  if (content != kNoSlot) step.in.push_back(content);
  step.blob = options.Blob();
  if ((target & child::kTargetOrdinary) != 0) NoteView(b, mount, step.out = b.NewSlot());
  if (!close_later) return Ok();
  const int slot = step.out = b.NewSlot();
  if (dev) {  // devices and other mounts go in first
    b.readonly_dev = slot;
    return Ok();
  }
  b.Child(child::Op::kSetAttributes, why, {}, {MOUNT_ATTR_RDONLY, 0, 0, 0}).in = {slot};
  return Ok();
}

}  // namespace

bool IsBind(const oci::Mount& mount, const MountOptions& options) { return options.bind || mount.type == "bind"; }

// What covers /proc or part of it takes away what the kernel, and we, look for there. The child looks again where
// symbolic links of the image lead.
Status CheckProc(const oci::Mount& mount, const MountOptions& options, const std::string& why) {
  const std::string path = Cleaned(mount.destination);
  const bool whole = path == "/proc";
  if (whole && (mount.type == "proc" || IsBind(mount, options))) return Ok();
  if (!whole && (!path.starts_with("/proc/") || TellsOfMachine(path))) return Ok();
  const char* reason = whole ? "' takes a proc file system only" : "' cannot be mounted because it is inside /proc";
  return Error(Code::kInvalidArgument, why + ".destination: '" + mount.destination + reason);
}

Status AddMounts(Builder& b, const ContainerInput& input, const std::vector<int>& sources) {
  if (SharesHostMounts(input.spec.linux_config)) {
    if (input.storage.kind != Storage::Kind::kBundle)
      return Error(Code::kInvalidArgument, "linux.namespaces: an overlay needs a mount namespace");
    // The host's tree stays as it is. What is mounted in the root would else be mounted in all the root's peers.
    b.Child(child::Op::kSetAttributes, "root.path", {}, {0, 0, kMsPrivate, 1}).in = {b.root};
    b.Child(child::Op::kAttachRoot, "root.path", {input.storage.rootfs}).in = {b.root};
    return AttachMounts(b, input, sources);
  }
  b.Child(child::Op::kPropagation, input.spec.linux_config.rootfs_propagation.empty() ? "" : "linux.rootfsPropagation",
          {}, {kMsRecursive | (input.spec.linux_config.rootfs_propagation.find("private") != std::string::npos
                                   ? kMsPrivate
                                   : kMsSlave)});
  // Hooks expect the root at its path in the child's view of the host's tree. Else any directory does that exists
  // everywhere and needs no permission: over "/", which the child, already inside, keeps seeing uncovered.
  const oci::Hooks& hooks = input.spec.hooks;
  const bool looked_at = !hooks.prestart.empty() || !hooks.create_runtime.empty() || !hooks.create_container.empty();
  const bool by_path = input.storage.kind == Storage::Kind::kBundle && looked_at;
  b.Child(child::Op::kAttachRoot, "root.path", {by_path ? input.storage.rootfs : "/"}).in = {b.root};
  return AttachMounts(b, input, sources);
}

Status AttachMounts(Builder& b, const ContainerInput& input, const std::vector<int>& sources) {
  const std::vector<oci::Mount>& mounts = input.spec.mounts;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const std::string why = Indexed("mounts", i);
    const MountOptions options = TRY(ParseMountOptions(mounts[i].options, why));
    if (sources[i] != kNoSlot) {
      Step& attach = b.Child(child::Op::kAttach, why, {Destination(mounts[i])});
      attach.in = {b.root, sources[i]};
      NoteView(b, mounts[i], sources[i]);
      const std::uint64_t target = TargetFlags(mounts[i], /*attached=*/true);
      if (target != 0) attach.numbers = {0, 0, 0, target};
      if (!b.facts().kernel.mount_setattr) {
        attach.numbers = {options.set, options.clear, options.propagation != 0 ? options.propagation : kMsSlave,
                          target};
      }
    } else if (mounts[i].type == "cgroup" || mounts[i].type == "cgroup2") {
      TRY(AddCgroupMount(b, input.spec, mounts[i], options, why));
    } else if (mounts[i].type.empty()) {
      return Error(Code::kInvalidArgument, why + ": has neither a type nor the option 'bind'");
    } else {
      TRY(AddFilesystem(b, input.spec, mounts[i], options, why));
    }
  }
  return Ok();
}

}  // namespace estiba::plan
