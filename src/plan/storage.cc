// The root, and every mount in it.

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

std::string Absolute(const std::string& path, const std::string& base) {
  if (path.empty() || path[0] == '/') return path;
  return base + "/" + path;
}

std::string Destination(const oci::Mount& mount) {
  return !mount.destination.empty() && mount.destination[0] == '/' ? mount.destination : "/" + mount.destination;
}

bool IsBind(const oci::Mount& mount, const MountOptions& options) { return options.bind || mount.type == "bind"; }

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Whether a container in a user namespace may mount what shows its namespace of that type: one made with the user
// namespace, or one joined together with it, by a container of the same pod.
bool IsOwn(const oci::Linux& config, NamespaceType type) {
  const oci::Namespace* found = oci::FindNamespace(config, type);
  if (found == nullptr || found->path.empty()) return found != nullptr;
  const oci::Namespace* user = oci::FindNamespace(config, NamespaceType::kUser);
  return user != nullptr && !user->path.empty();
}

// File systems that a user namespace may only mount together with the namespace they show; else the host's, bound.
const char* BindInstead(const Builder& b, const oci::RuntimeSpec& spec, const std::string& type) {
  if (!b.new_user && !b.facts().rootless) return nullptr;
  if (type == "sysfs" && !IsOwn(spec.linux_config, NamespaceType::kNetwork)) return "/sys";
  if (type == "proc" && !IsOwn(spec.linux_config, NamespaceType::kPid)) return "/proc";
  if (type == "mqueue" && !IsOwn(spec.linux_config, NamespaceType::kIpc)) return "/dev/mqueue";
  return nullptr;
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

// numbers of kOpenTree: recursive, set, clear, propagation, recursive propagation, recursive set, recursive clear
std::vector<std::uint64_t> TreeNumbers(const MountOptions& options, bool recursive) {
  // A bind follows what the host does to its source and tells the host nothing, unless asked otherwise.
  const std::uint64_t propagation = options.propagation != 0 ? options.propagation : kMsSlave;
  const bool everywhere = options.propagation == 0 || options.propagation_recursive;
  return {recursive ? 1ULL : 0ULL, options.set, options.clear, propagation, everywhere ? 1ULL : 0ULL,
          options.recursive_set, options.recursive_clear};
}

// As runc has it: a bind with any option of its own has those alone, whatever the source's mount has; access times
// stay.
// In a user namespace the kernel locks what the host chose, and it stays.
void ClearUnnamed(const Builder& b, MountOptions& options) {
  constexpr std::uint64_t kLocked = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if ((options.set | options.clear) == 0) return;
  if (!b.new_user && !b.facts().rootless) options.clear |= kLocked & ~options.set;
  const os::KernelFeatures& kernel = b.facts().kernel;
  if (kernel.mount_setattr && kernel.nosymfollow && !b.facts().rootless)
    options.clear |= MOUNT_ATTR_NOSYMFOLLOW & ~options.set;
}

bool IsIdMapped(const oci::Mount& mount, const MountOptions& options) {
  return options.id_mapped || !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
}

Status RefuseIdMap(const oci::Mount& mount, const MountOptions& options, const std::string& why) {
  if (!IsIdMapped(mount, options)) return Ok();
  return Error(Code::kNotImplemented, why + ": only bind mounts can be id-mapped, not '" + mount.type + "'");
}

// A user namespace with the maps of the mount, or the container's own when it has none; no slot for other mounts.
Result<int> AddIdMap(Builder& b, const oci::RuntimeSpec& spec, const oci::Mount& mount, const MountOptions& options,
                     const std::string& why) {
  if (!IsIdMapped(mount, options)) return kNoSlot;
  if (b.facts().plain_user) {
    return Error(Code::kFailedPrecondition, why + ": id-mapped mounts need CAP_SYS_ADMIN over the file system, which a "
                                                  "rootless container's user has not");
  }
  if (!b.facts().kernel.mount_setattr) {
    return Error(Code::kFailedPrecondition, why + ": id-mapped mounts need kernel 5.12");
  }
  if (mount.uid_mappings.empty() != mount.gid_mappings.empty()) {
    return Error(Code::kInvalidArgument, why + ": uidMappings and gidMappings are needed both, or neither");
  }
  const oci::Namespace* user = oci::FindNamespace(spec.linux_config, NamespaceType::kUser);
  const bool own = !mount.uid_mappings.empty();
  if (!own && user == nullptr) {
    return Error(Code::kInvalidArgument, why + ": option 'idmap' needs uidMappings and gidMappings, or a container "
                                               "with a user namespace");
  }
  const int slot = b.NewSlot();
  if (!own && !user->path.empty()) {
    b.Host(Op::kOpenFile, why, {user->path}, {0 /*O_RDONLY*/}).out = slot;
    return slot;
  }
  const auto& uids = own ? mount.uid_mappings : spec.linux_config.uid_mappings;
  const auto& gids = own ? mount.gid_mappings : spec.linux_config.gid_mappings;
  b.Host(Op::kMakeIdMapFd, why, {MapText(uids), MapText(gids)}).out = slot;
  return slot;
}

// Before 5.12 only an attached mount has attributes to set, by mount(2) and one mount at a time.
Status LeaveToTheChild(const MountOptions& options, const std::string& why, std::vector<std::uint64_t>& numbers) {
  constexpr std::uint64_t kPlain = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if ((options.recursive_set | options.recursive_clear) != 0) {
    return Error(Code::kFailedPrecondition, why + ": recursive mount options need kernel 5.12");
  }
  if (((options.set | options.clear) & ~kPlain) != 0) {
    return Error(Code::kFailedPrecondition, why + ": on a bind, options but ro, nosuid, nodev, noexec and their "
                                                  "opposites need kernel 5.12");
  }
  numbers = {numbers.at(0), 0, 0, 0, 0, 0, 0};
  return Ok();
}

}  // namespace

Status AddStorage(Builder& b, const ContainerInput& input) {
  b.root = b.NewSlot();
  const Storage& storage = input.storage;
  if (storage.kind == Storage::Kind::kBundle) {
    if (storage.rootfs.empty() || storage.rootfs[0] != '/') {
      return Error(Code::kInvalidArgument, "root.path '" + storage.rootfs + "' is not absolute");
    }
    b.Host(Op::kOpenRoot, "root.path", {storage.rootfs}).out = b.root;
    return Ok();
  }
  if (storage.lowers.empty()) return Error(Code::kInvalidArgument, "root: an overlay needs at least one layer");
  std::vector<std::string> text = {storage.upper, storage.work};
  text.insert(text.end(), storage.lowers.begin(), storage.lowers.end());
  const std::uint64_t userxattr = b.facts().rootless ? 1 : 0;
  const std::uint64_t append = b.facts().kernel.overlay_lower_append ? 1 : 0;
  Step& step = b.Host(Op::kMountOverlay, "root", std::move(text), {userxattr, append});
  step.out = b.root;
  return Ok();
}

Status AddMountSources(Builder& b, const ContainerInput& input, std::vector<int>& sources) {
  const std::vector<oci::Mount>& mounts = input.spec.mounts;
  sources.assign(mounts.size(), kNoSlot);
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const oci::Mount& mount = mounts[i];
    const std::string why = Indexed("mounts", i);
    if (mount.destination.empty()) return Error(Code::kInvalidArgument, why + ": has no destination");
    MountOptions options = TRY(ParseMountOptions(mount.options, why));
    TRY(CheckProc(mount, options, why));
    const char* instead = BindInstead(b, input.spec, mount.type);
    const bool bind = IsBind(mount, options);
    if (!bind) TRY(RefuseIdMap(mount, options, why));
    if (!bind && instead == nullptr) continue;
    if (bind && options.copy_up) {
      return Error(Code::kInvalidArgument, why + ": option 'tmpcopyup' is for tmpfs only");
    }
    if (bind && !options.data.empty()) {
      return Error(Code::kInvalidArgument, why + ": a bind mount takes no option '" + options.data[0].first + "'");
    }
    const std::string source = bind ? Absolute(mount.source, input.bundle) : instead;
    if (source.empty() || source[0] != '/') {
      return Error(Code::kInvalidArgument, why + ": source '" + mount.source + "' is not absolute");
    }
    if (!bind) {  // with everything the host has mounted below
      options.recursive_set = std::exchange(options.set, 0);
      options.recursive_clear = std::exchange(options.clear, 0);
    }
    if (bind && Contains(input.made_when_missing, mount.destination)) b.Host(Op::kMaybeDirectory, why, {source});
    if (bind) ClearUnnamed(b, options);
    sources[i] = b.NewSlot();
    std::vector<std::uint64_t> numbers = TreeNumbers(options, !bind || options.recursive_bind);
    if (!b.facts().kernel.mount_setattr) TRY(LeaveToTheChild(options, why, numbers));
    const int maps = bind ? TRY(AddIdMap(b, input.spec, mount, options, why)) : kNoSlot;
    if (maps != kNoSlot) numbers.push_back(options.id_mapped_recursive ? 2 : 1);
    Step& open = b.Host(Op::kOpenTree, why, {source}, std::move(numbers));
    open.out = sources[i];
    if (maps != kNoSlot) open.in = {maps};
  }
  for (const CopyUp& copy : input.copy_up) {
    b.Host(Op::kCopyUp, "mounts", {copy.destination, copy.volume}).in = {b.root};
  }
  return Ok();
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
