// Where the root and the mounts in it come from: opened by the parent, attached by the child.

#include <algorithm>

#include <linux/mount.h>

#include "builder.h"

namespace estiba::plan {
namespace {

using oci::NamespaceType;

constexpr std::uint64_t kMsPrivate = 1U << 18;
constexpr std::uint64_t kMsSlave = 1U << 19;

std::string Absolute(const std::string& path, const std::string& base) {
  if (path.empty() || path[0] == '/') return path;
  return base + "/" + path;
}

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

// A user namespace with the maps of the container's, which is not there yet.
int OwnMaps(Builder& b, const oci::Linux& config) {
  if (b.own_maps != kNoSlot) return b.own_maps;
  b.own_maps = b.NewSlot();
  b.Host(Op::kMakeIdMapFd, "linux.uidMappings", {MapText(config.uid_mappings), MapText(config.gid_mappings)}).out =
      b.own_maps;
  return b.own_maps;
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
  if (!own && user->path.empty()) return OwnMaps(b, spec.linux_config);
  const int slot = b.NewSlot();
  if (!own) {
    b.Host(Op::kOpenFile, why, {user->path}, {0 /*O_RDONLY*/}).out = slot;
    return slot;
  }
  b.Host(Op::kMakeIdMapFd, why, {MapText(mount.uid_mappings), MapText(mount.gid_mappings)}).out = slot;
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

// Who the container's root is outside: through an id-mapped mount only ids that are mapped can make files.
std::vector<std::uint64_t> RootOutside(const oci::Linux& config) {
  const auto first = [](const std::vector<oci::IdMapping>& maps) {
    for (const oci::IdMapping& map : maps) {
      if (map.container_id == 0) return std::uint64_t{map.host_id};
    }
    return std::uint64_t{maps.at(0).host_id};
  };
  return {1, first(config.uid_mappings), first(config.gid_mappings)};
}

int AddMappedTree(Builder& b, const oci::Linux& config, const std::string& path, const std::string& why) {
  const int maps = OwnMaps(b, config);
  const int slot = b.NewSlot();
  Step& open = b.Host(Op::kOpenTree, why, {path}, {0, 0, 0, kMsPrivate, 0, 0, 0, 1});
  open.in = {maps};
  open.out = slot;
  return slot;
}

// `path` as it is called below `root`.
Result<std::string> Below(const std::string& root, const std::string& path) {
  if (path.starts_with(root + "/") && path.size() > root.size() + 1) return path.substr(root.size() + 1);
  return Error(Code::kInvalidArgument, "root: '" + path + "' is not in '" + root + "'");
}

struct Tree {
  const std::vector<Layer>& lowers;
  std::string upper{};
  std::string work{};
  int layers = kNoSlot;    // what the lowers are in
  int writable = kNoSlot;  // what upper and work are in
  bool limited = false;    // Storage::limited
  bool transient = false;  // Storage::transient
};

// Of those lowers that are images; ids are mapped where those of the others are.
Result<std::vector<int>> AddImages(Builder& b, const oci::Linux& config, const Tree& tree, const std::string& why) {
  std::vector<int> images;
  for (const Layer& lower : tree.lowers) {
    if (!lower.erofs) continue;
    if (!b.facts().erofs_layers) {
      return Error(Code::kFailedPrecondition,
                   why + ": layer '" + lower.path + "' is an EROFS image, which cannot be mounted here")
          .Hint("start a kernel that could, or set storage_driver = \"overlay\", remove the image and pull it again");
    }
    const int maps = tree.layers == kNoSlot ? kNoSlot : OwnMaps(b, config);
    images.push_back(b.NewSlot());
    Step& mount = b.Host(Op::kMountImage, why, {lower.path});
    if (maps != kNoSlot) mount.in = {maps};
    mount.out = images.back();
  }
  return images;
}

Result<int> AddOverlay(Builder& b, const oci::Linux& config, const Tree& tree, const std::string& why) {
  const std::vector<int> images = TRY(AddImages(b, config, tree, why));
  std::vector<std::string> text = {tree.upper, tree.work};
  for (const Layer& lower : tree.lowers) text.push_back(lower.erofs ? "" : lower.path);
  const std::uint64_t flags =
      (b.facts().rootless ? kOverlayUserXattr : 0U) | (tree.transient ? kOverlayVolatile : 0U);
  const std::uint64_t append = b.facts().kernel.overlay_lower_append ? 1 : 0;
  const int slot = b.NewSlot();
  Step& step = b.Host(Op::kMountOverlay, why, std::move(text), {flags, append});
  step.out = slot;
  if (tree.layers != kNoSlot || !images.empty()) step.in = {tree.layers, tree.writable};
  step.in.insert(step.in.end(), images.begin(), images.end());
  if (tree.layers == kNoSlot && !tree.limited) return slot;
  const std::vector<std::uint64_t> owner =
      tree.layers != kNoSlot ? RootOutside(config) : std::vector<std::uint64_t>{0, 0, 0};
  step.numbers.insert(step.numbers.end(), owner.begin(), owner.end());
  if (tree.limited) step.numbers.push_back(1);
  return slot;
}

Status CheckMapped(const Builder& b, const oci::Linux& config) {
  if (config.uid_mappings.empty() || config.gid_mappings.empty())
    return Error(Code::kInvalidArgument, "root: ids can be mapped only to a user namespace of its own");
  if (b.facts().rootless) {
    return Error(Code::kFailedPrecondition, "linux.uidMappings: id-mapped layers need CAP_SYS_ADMIN over their file "
                                            "system, which nobody has in a user namespace");
  }
  if (b.facts().kernel.mount_setattr) return Ok();
  return Error(Code::kFailedPrecondition, "linux.uidMappings: id-mapped layers need kernel 5.19");
}

// Images are mounted by their paths.
Result<std::vector<Layer>> AllBelow(const std::string& root, const std::vector<Layer>& layers) {
  std::vector<Layer> names = layers;
  for (Layer& layer : names) {
    if (!layer.erofs) layer.path = TRY(Below(root, layer.path));
  }
  return names;
}

// The lower and upper directories are mapped: the kernel maps no ids of an overlay. All layers at once, by the
// directory they are in.
Status AddMappedStorage(Builder& b, const ContainerInput& input) {
  const oci::Linux& config = input.spec.linux_config;
  const Storage& storage = input.storage;
  TRY(CheckMapped(b, config));
  const std::vector<Layer> lowers = TRY(AllBelow(storage.layers_root, storage.lowers));
  Tree tree{.lowers = lowers, .limited = storage.limited, .transient = storage.transient};
  b.mapped_layers = tree.layers = AddMappedTree(b, config, storage.layers_root, "linux.uidMappings");
  if (!storage.upper.empty()) {
    tree.upper = TRY(Below(storage.upper_root, storage.upper));
    tree.work = TRY(Below(storage.upper_root, storage.work));
    tree.writable = AddMappedTree(b, config, storage.upper_root, "linux.uidMappings");
  }
  b.root = TRY(AddOverlay(b, config, tree, "root"));
  return Ok();
}

const MountSource* FindSource(const ContainerInput& input, const oci::Mount& mount) {
  const auto found = std::ranges::find(input.sources, mount.destination, &MountSource::destination);
  return found == input.sources.end() ? nullptr : &*found;
}

// A slot with what has to be mounted before it can be bound; none when the source is a folder of the host's.
Result<int> AddMadeSource(Builder& b, const ContainerInput& input, const MountSource& source,
                          const std::string& why) {
  if (!source.layers.empty()) {
    const oci::Linux& config = input.spec.linux_config;
    if (b.mapped_layers == kNoSlot) return AddOverlay(b, config, {.lowers = source.layers}, why);
    const std::vector<Layer> lowers = TRY(AllBelow(input.storage.layers_root, source.layers));
    return AddOverlay(b, config, {.lowers = lowers, .layers = b.mapped_layers}, why);
  }
  if (source.type.empty()) return kNoSlot;
  const MountOptions options = TRY(ParseMountOptions(source.options, why));
  const std::uint64_t read_only = (options.set & MOUNT_ATTR_RDONLY) != 0 ? std::uint64_t{child::kSuperReadOnly} : 0;
  const int slot = b.NewSlot();
  Step& step = b.Host(Op::kMountFilesystem, why, {source.type, source.device},
                      {options.set & ~std::uint64_t{MOUNT_ATTR_RDONLY}, options.super | read_only});
  step.blob = options.Blob();
  step.out = slot;
  return slot;
}

// `open` from what was made for it, or from a path beneath its source.
void Narrow(const MountSource* source, int made, Step& open) {
  if (made != kNoSlot) {
    open.in.resize(2, kNoSlot);
    open.in[1] = made;
  }
  if (source != nullptr && !source->subpath.empty()) open.text.push_back(source->subpath);
}

// An image is called by its name.
bool FindLayers(const ContainerInput& input, const oci::Mount& mount) {
  const MountSource* source = FindSource(input, mount);
  return source != nullptr && !source->layers.empty();
}

void AddCopyUps(Builder& b, const ContainerInput& input, const std::vector<int>& sources) {
  for (const CopyUp& copy : input.copy_up) {
    Step& step = b.Host(Op::kCopyUp, "mounts", {copy.destination, copy.volume});
    step.in = {b.root};
    const auto mount = std::ranges::find(input.spec.mounts, copy.destination, &oci::Mount::destination);
    if (mount == input.spec.mounts.end()) continue;
    step.in.push_back(sources[static_cast<std::size_t>(mount - input.spec.mounts.begin())]);
    if (mount->uid_mappings.empty() && std::ranges::find(mount->options, "idmap") != mount->options.end())
      step.numbers = RootOutside(input.spec.linux_config);
  }
}

}  // namespace

Status AddStorage(Builder& b, const ContainerInput& input) {
  const Storage& storage = input.storage;
  if (storage.kind == Storage::Kind::kBundle) {
    if (storage.rootfs.empty() || storage.rootfs[0] != '/') {
      return Error(Code::kInvalidArgument, "root.path '" + storage.rootfs + "' is not absolute");
    }
    b.root = b.NewSlot();
    b.Host(Op::kOpenRoot, "root.path", {storage.rootfs}).out = b.root;
    return Ok();
  }
  if (storage.lowers.empty()) return Error(Code::kInvalidArgument, "root: an overlay needs at least one layer");
  if (!storage.layers_root.empty()) return AddMappedStorage(b, input);
  const Tree tree{.lowers = storage.lowers,
                  .upper = storage.upper,
                  .work = storage.work,
                  .limited = storage.limited,
                  .transient = storage.transient};
  b.root = TRY(AddOverlay(b, input.spec.linux_config, tree, "root"));
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
    const std::string source = !bind                       ? instead
                               : FindLayers(input, mount) ? mount.source
                                                          : Absolute(mount.source, input.bundle);
    const MountSource* made_of = bind ? FindSource(input, mount) : nullptr;
    const int made = made_of != nullptr ? TRY(AddMadeSource(b, input, *made_of, why)) : kNoSlot;
    if (made == kNoSlot && (source.empty() || source[0] != '/')) {
      return Error(Code::kInvalidArgument, why + ": source '" + mount.source + "' is not absolute");
    }
    if (!bind) {  // with everything the host has mounted below
      options.recursive_set = std::exchange(options.set, 0);
      options.recursive_clear = std::exchange(options.clear, 0);
    }
    if (bind && Contains(input.made_when_missing, mount.destination)) b.Host(Op::kMaybeDirectory, why, {source});
    if (bind && made == kNoSlot) ClearUnnamed(b, options);
    sources[i] = b.NewSlot();
    std::vector<std::uint64_t> numbers = TreeNumbers(options, !bind || options.recursive_bind);
    if (!b.facts().kernel.mount_setattr) TRY(LeaveToTheChild(options, why, numbers));
    const int maps = bind ? TRY(AddIdMap(b, input.spec, mount, options, why)) : kNoSlot;
    if (maps != kNoSlot) numbers.push_back(options.id_mapped_recursive ? 2 : 1);
    Step& open = b.Host(Op::kOpenTree, why, {source}, std::move(numbers));
    open.out = sources[i];
    if (maps != kNoSlot) open.in = {maps};
    Narrow(made_of, made, open);
  }
  AddCopyUps(b, input, sources);
  return Ok();
}

}  // namespace estiba::plan
