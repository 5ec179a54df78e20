#include "store/snapshots.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs/reader.h"
#include "names.h"
#include "oci/reference.h"
#include "os/copy_tree.h"
#include "os/file.h"
#include "os/image_mount.h"
#include "store/limits.h"
#include "store/tree_size.h"

namespace estiba::store {
namespace {

// Whose deletions these are: not a transfer's.
constexpr const char* kDeletedLease = "deleted";

// Ids of containers are 64 hexadecimal digits; a name of ours in tests is fine, a path is not.
Status CheckId(const std::string& id) {
  const bool ok = !id.empty() && id.size() <= 128 && id.front() != '.' && id.find('/') == std::string::npos;
  return ok ? Ok() : Error(Code::kInvalidArgument, "'" + id + "' is not a container id");
}

constexpr std::string_view kImageSuffix = ".erofs";

Result<std::string> LayerName(const std::string& chain_id, Snapshots::Form form) {
  const std::string hex = TRY(oci::DigestHex(chain_id));
  return form == Snapshots::Form::kErofs ? hex + std::string(kImageSuffix) : hex;
}

Status Own(int directory, const struct stat& like) {
  if (::fchown(directory, like.st_uid, like.st_gid) < 0 || ::fchmod(directory, like.st_mode & 07777U) < 0)
    return Error::Errno(errno, "give the container's root directory its owner and mode");
  return Ok();
}

}  // namespace

Result<Snapshots> Snapshots::Open(const std::string& path) {
  TRY(os::EnsureDirectory(path, 0700));
  os::UniqueFd root = TRY(os::OpenAt({AT_FDCWD}, path, O_PATH | O_DIRECTORY));
  Snapshots out = TRY(Open(std::move(root)));
  out.path_ = path + "/";
  return out;
}

Result<Snapshots> Snapshots::Open(os::UniqueFd directory) {
  const os::DirFd root{directory.get()};
  os::UniqueFd layers = TRY_CTX(os::EnsureDirectoryAt(root, "layers", 0700), "open snapshots");
  os::UniqueFd tmp = TRY_CTX(os::EnsureDirectoryAt(root, "tmp", 0700), "open snapshots");
  os::UniqueFd containers = TRY_CTX(os::EnsureDirectoryAt(root, "containers", 0700), "open snapshots");
  return Snapshots(std::string(), std::move(layers), std::move(tmp), std::move(containers));
}

Result<Snapshots::Form> Snapshots::FormOf(const std::string& chain_id) const {
  const std::string hex = TRY(oci::DigestHex(chain_id));
  if (::faccessat(layers_.get(), hex.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return Form::kDirectory;
  const std::string image = hex + std::string(kImageSuffix);
  if (::faccessat(layers_.get(), image.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return Form::kErofs;
  return Error(Code::kNotFound, "layer '" + chain_id + "' is not there");
}

bool Snapshots::HasLayer(const std::string& chain_id) const { return FormOf(chain_id).ok(); }

Result<std::string> Snapshots::LayerPath(const std::string& chain_id) const {
  const Form form = TRY(FormOf(chain_id));
  return path_ + "layers/" + TRY(LayerName(chain_id, form));
}

Result<Snapshots::Layer> Snapshots::OpenLayer(const std::string& chain_id) const {
  Layer out;
  out.form = TRY(FormOf(chain_id));
  const std::string name = TRY(LayerName(chain_id, out.form));
  const int kind = out.form == Form::kDirectory ? O_DIRECTORY : 0;
  out.fd = TRY(os::OpenAt({layers_.get()}, name, O_RDONLY | O_NOFOLLOW | kind));
  return out;
}

Result<std::vector<std::string>> Snapshots::ListLayers() const {
  std::vector<std::string> names = TRY(os::ListDirectory({layers_.get()}, "."));
  for (std::string& name : names) {
    if (name.ends_with(kImageSuffix)) name.resize(name.size() - kImageSuffix.size());
    name.insert(0, "sha256:");
  }
  std::erase_if(names, [](const std::string& name) { return !oci::IsDigest(name); });
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Result<std::string> Snapshots::TakeAway(os::DirFd parent, const std::string& name) const {
  std::string away = TRY(TemporaryName(kDeletedLease));
  if (::renameat(parent.fd, name.c_str(), tmp_.get(), away.c_str()) == 0 || errno == ENOENT) return away;
  if (errno != EXDEV) return Error::Errno(errno, "delete '" + name + "'");
  TRY(os::DeleteTree(parent, name));
  return away;
}

Result<std::string> Snapshots::TakeLayerAway(const std::string& chain_id) const {
  const std::string context = "delete layer '" + chain_id + "'";
  const std::string image = TRY(LayerName(chain_id, Form::kErofs));
  const std::string tree = TRY(LayerName(chain_id, Form::kDirectory));
  std::string away = TRY_CTX(TakeAway({layers_.get()}, image), context);
  if (::faccessat(layers_.get(), tree.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) return away;
  // In both forms: the file takes no time.
  TRY_CTX(os::DeleteFile({tmp_.get()}, away), context);
  return TRY_CTX(TakeAway({layers_.get()}, tree), context);
}

Status Snapshots::DeleteTakenAway(const std::string& name) const {
  return TRY_CTX(os::DeleteTree({tmp_.get()}, name), "delete what was taken away");
}

Result<Snapshots::Unfinished> Snapshots::CreateUnfinished(const std::string& lease, Form form) const {
  std::string name = TRY(TemporaryName(lease));
  if (form == Form::kErofs) {
    os::UniqueFd file = TRY_CTX(os::OpenAt({tmp_.get()}, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600),
                                "make a layer's image");
    return Unfinished{std::move(name), std::move(file), form};
  }
  if (::mkdirat(tmp_.get(), name.c_str(), 0755) < 0) return Error::Errno(errno, "make a layer's directory");
  os::UniqueFd directory = TRY(os::OpenAt({tmp_.get()}, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  // Past the umask: this becomes the container's "/" when the archive says nothing.
  if (::fchmod(directory.get(), 0755) < 0) return Error::Errno(errno, "make a layer's directory");
  return Unfinished{std::move(name), std::move(directory), form};
}

Status Snapshots::Sync() const {
  const os::UniqueFd tmp = TRY(os::OpenAt({tmp_.get()}, ".", O_RDONLY | O_DIRECTORY));
  if (::syncfs(tmp.get()) < 0) return Error::Errno(errno, "write layers to disk");
  return Ok();
}

Status Snapshots::CommitLayer(const Unfinished& tree, const std::string& chain_id) const {
  const std::string name = TRY(LayerName(chain_id, tree.form));
  if (HasLayer(chain_id)) return DeleteUnfinished(tree);
  if (::renameat2(tmp_.get(), tree.name.c_str(), layers_.get(), name.c_str(), RENAME_NOREPLACE) == 0) return Ok();
  if (errno != EEXIST) return Error::Errno(errno, "store layer '" + chain_id + "'");
  return DeleteUnfinished(tree);
}

Status Snapshots::DeleteUnfinished(const Unfinished& tree) const { return os::DeleteTree({tmp_.get()}, tree.name); }

Status Snapshots::DeleteLeftovers(const std::string& lease) const {
  return TRY_CTX(DeleteByLease({tmp_.get()}, lease), "clear unfinished layers");
}

Result<std::vector<std::string>> Snapshots::ListUnfinished() const { return os::ListDirectory({tmp_.get()}, "."); }

Snapshots::ContainerPaths Snapshots::PathsOf(const std::string& container_id) const {
  const std::string base = path_ + "containers/" + container_id;
  return {base, base + "/fs", base + "/work"};
}

Result<struct stat> Snapshots::RootOf(const std::string& chain_id) const {
  struct stat info {};
  info.st_mode = 0755;
  if (chain_id.empty()) return info;
  const Layer layer = TRY_CTX(OpenLayer(chain_id), "find layer '" + chain_id + "'");
  if (layer.form == Form::kDirectory) {
    if (::fstat(layer.fd.get(), &info) < 0) return Error::Errno(errno, "look at layer '" + chain_id + "'");
    return info;
  }
  const erofs::Reader reader = TRY_CTX(erofs::Reader::Open(layer.fd.get()), "layer '" + chain_id + "'");
  const erofs::Reader::Inode root = TRY_CTX(reader.Get(reader.root()), "layer '" + chain_id + "'");
  info.st_mode = root.metadata.mode;
  info.st_uid = root.metadata.uid;
  info.st_gid = root.metadata.gid;
  return info;
}

Result<Snapshots::ContainerPaths> Snapshots::EnsureContainer(const std::string& container_id,
                                                             const std::string& top_chain_id,
                                                             const SizeLimit& limit) const {
  TRY(CheckId(container_id));
  const struct stat like = TRY(RootOf(top_chain_id));
  const os::UniqueFd home = TRY(os::EnsureDirectoryAt({containers_.get()}, container_id, 0710));
  if (limit.bytes > 0) TRY(LimitDirectory({home.get()}, limit.project, limit.bytes));
  TRY(os::EnsureDirectoryAt({home.get()}, "work", 0700));
  if (::mkdirat(home.get(), "fs", 0755) == 0) {
    const os::UniqueFd upper = TRY(os::OpenAt({home.get()}, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(Own(upper.get(), like));
  } else if (errno != EEXIST) {
    return Error::Errno(errno, "make the writable layer of '" + container_id + "'");
  }
  return PathsOf(container_id);
}

Status Snapshots::FillContainer(const std::string& container_id, const std::vector<std::string>& chain_ids,
                                const SizeLimit& limit) const {
  const os::UniqueFd fs = TRY(OpenContainer(container_id));
  const auto fill = [&] { return CopyLayers({fs.get()}, chain_ids); };
  return limit.bytes > 0 ? LimitGrowth({fs.get()}, limit, fill) : fill();
}

Status Snapshots::CopyLayers(os::DirFd to, const std::vector<std::string>& chain_ids) const {
  for (const std::string& chain : chain_ids) {
    const std::string context = "copy layer '" + chain + "'";
    const Layer layer = TRY_CTX(OpenLayer(chain), context);
    os::DetachedMount mount;
    if (layer.form == Form::kErofs) mount = TRY_CTX(os::MountErofs(layer.fd.get()), context);
    const int from = mount.valid() ? mount.fd() : layer.fd.get();
    TRY_CTX(os::CopyLayer({from}, to), context);
  }
  return Ok();
}

Result<os::UniqueFd> Snapshots::OpenContainer(const std::string& container_id) const {
  TRY(CheckId(container_id));
  return os::OpenBeneath({containers_.get()}, container_id + "/fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<std::string> Snapshots::TakeContainerAway(const std::string& container_id) const {
  TRY(CheckId(container_id));
  return TRY_CTX(TakeAway({containers_.get()}, container_id), "delete the writable layer of '" + container_id + "'");
}

Status Snapshots::DeleteContainer(const std::string& container_id) const {
  const std::string away = TRY(TakeContainerAway(container_id));
  return TRY_CTX(os::DeleteTree({tmp_.get()}, away), "delete the writable layer of '" + container_id + "'");
}

Result<std::vector<std::string>> Snapshots::ListContainers() const {
  return os::ListDirectory({containers_.get()}, ".");
}

Result<std::uint64_t> Snapshots::ContainerSize(const std::string& container_id) const {
  TRY(CheckId(container_id));
  return TreeSize({containers_.get()}, container_id + "/fs");
}

Result<std::uint64_t> Snapshots::LayerSize(const std::string& chain_id) const {
  const Layer layer = TRY(OpenLayer(chain_id));
  if (layer.form == Form::kErofs) return TRY_CTX(ImageSize(layer.fd.get()), "layer '" + chain_id + "'");
  const std::string name = TRY(LayerName(chain_id, layer.form));
  return TreeSize({layers_.get()}, name);
}

Status Snapshots::CheckLimits() const { return CheckProjectLimits({containers_.get()}, path_); }

Result<std::uint32_t> Snapshots::FindProject(std::uint32_t first, const std::vector<std::uint32_t>& taken) const {
  return FindFreeProject({containers_.get()}, first, taken);
}

Status Snapshots::ReleaseProject(std::uint32_t project) const {
  return LiftLimit({containers_.get()}, project);
}

}  // namespace estiba::store
