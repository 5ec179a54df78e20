#include "image/container_view.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "layered_mount.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/mount_place.h"
#include "os/userns.h"

namespace estiba::image {
namespace {

// Over the root directory, which this process, already inside, keeps seeing uncovered: a mount in our namespace, and
// no directory for it is needed.
Status Anchor(const os::DetachedMount& mount) { return os::AttachMount(mount.fd(), "/"); }

// Its parents, too, as a start would make it; what links lead to stays in the root.
Result<os::UniqueFd> MakePlace(int root, const std::string& target, bool directory) {
  auto found = os::OpenInRoot({root}, target, O_PATH);
  if (found.ok() || found.error().errnum() != ENOENT) return found;
  const std::size_t slash = target.rfind('/');
  const std::string name = target.substr(slash + 1);
  if (slash == std::string::npos || name.empty()) return found;
  const os::UniqueFd parent = TRY(MakePlace(root, slash == 0 ? "/" : target.substr(0, slash), /*directory=*/true));
  if (directory) {
    if (::mkdirat(parent.get(), name.c_str(), 0755) < 0 && errno != EEXIST)
      return Error::Errno(errno, "make the directory '" + target + "'");
  } else {
    const int made = ::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0755);
    if (made < 0) return Error::Errno(errno, "make the file '" + target + "'");
    ::close(made);
  }
  return os::OpenInRoot({root}, target, O_PATH);
}

Status Restrict(const os::DetachedMount& mount, bool read_only, bool recursive) {
  os::MountAttributes attributes;
  attributes.set = read_only ? MOUNT_ATTR_RDONLY : 0;
  attributes.propagation = 1U << 18;  // MS_PRIVATE
  return os::SetMountAttributes(mount.fd(), attributes, recursive);
}

class View {
 public:
  View(const TransferJob& job, const store::Snapshots& snapshots, const LayerMounts& layers)
      : job_(job), snapshots_(snapshots), layers_(layers) {}

  Result<os::UniqueFd> Make() {
    os::DetachedMount root = TRY_CTX(MakeRoot(), "mount the container's root");
    TRY(Anchor(root));
    for (const ViewMount& mount : job_.path.mounts)
      TRY_CTX(Add(root.fd(), mount), "mount '" + mount.target + "' of the container");
    if (job_.path.read_only || !Writes()) TRY(Restrict(root, /*read_only=*/true, /*recursive=*/false));
    return os::OpenAt({root.fd()}, ".", O_RDONLY | O_DIRECTORY);
  }

 private:
  bool Writes() const { return job_.kind == JobKind::kPutPath; }

  Result<std::vector<os::UniqueFd>> OpenLayers(const std::vector<std::string>& chain_ids) const {
    std::vector<os::UniqueFd> out;
    for (auto chain = chain_ids.rbegin(); chain != chain_ids.rend(); ++chain) {
      const int image = layers_.Find(*chain);
      if (image >= 0) {
        out.push_back(TRY(os::Duplicate(image)));
        continue;
      }
      const std::string path = TRY(snapshots_.LayerPath(*chain));
      out.push_back(TRY_CTX(os::OpenAt({AT_FDCWD}, path, O_PATH | O_DIRECTORY), "layer '" + *chain + "'"));
    }
    return out;
  }

  Result<os::DetachedMount> MakeRoot() {
    const store::Snapshots::ContainerPaths paths = snapshots_.PathsOf(job_.container.id);
    if (job_.container.copied) {
      auto copy = TRY(os::CloneTree({AT_FDCWD}, paths.upper, /*recursive=*/false));
      TRY(Restrict(copy, /*read_only=*/false, /*recursive=*/false));
      return copy;
    }
    LayeredMount overlay;
    overlay.user_xattrs = job_.user_xattrs;
    overlay.lowers = TRY(OpenLayers(job_.container.layers));
    os::UniqueFd upper = TRY(os::OpenAt({AT_FDCWD}, paths.upper, O_PATH | O_DIRECTORY));
    if (Writes()) {
      overlay.upper = std::move(upper);
      overlay.work = TRY(os::OpenAt({AT_FDCWD}, paths.work, O_PATH | O_DIRECTORY));
      return MountLayered(overlay);
    }
    // What has to be made for mounts goes with us: the container's own layer is only read.
    overlay.lowers.insert(overlay.lowers.begin(), std::move(upper));
    auto context = TRY(os::FilesystemContext::Open("tmpfs"));
    TRY(context.SetString("mode", "0755"));
    const os::DetachedMount scratch = TRY(context.Mount(0));
    TRY(Anchor(scratch));
    struct stat as {};
    if (::fstat(overlay.lowers.front().get(), &as) < 0) return Error::Errno(errno, "look at the container's root");
    overlay.upper = TRY(os::EnsureDirectoryAt({scratch.fd()}, "upper", as.st_mode & 07777U));
    overlay.work = TRY(os::EnsureDirectoryAt({scratch.fd()}, "work", 0700));
    if (::fchownat(scratch.fd(), "upper", as.st_uid, as.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::Errno(errno, "make the view's root directory");
    return MountLayered(overlay);
  }

  Result<os::DetachedMount> OpenSource(const ViewMount& mount) {
    if (mount.layers.empty()) return os::CloneTree({AT_FDCWD}, mount.source, mount.recursive);
    LayeredMount overlay;
    overlay.user_xattrs = job_.user_xattrs;
    overlay.lowers = TRY(OpenLayers(mount.layers));
    if (overlay.lowers.size() > 1) return MountLayered(overlay);
    return os::CloneTree({overlay.lowers.front().get()}, "", /*recursive=*/false);
  }

  Status Add(int root, const ViewMount& mount) {
    auto opened = OpenSource(mount);
    if (!opened.ok() && mount.optional && opened.error().errnum() == ENOENT) return Ok();
    os::DetachedMount source = TRY(std::move(opened));
    if (!mount.subpath.empty()) {
      // In our namespace: a part of a mount that is in none cannot be copied.
      TRY(Anchor(source));
      const os::UniqueFd part = TRY(os::OpenWithin({source.fd()}, mount.subpath, O_PATH));
      source = TRY(os::CloneTree({part.get()}, "", mount.recursive));
    }
    TRY(Restrict(source, mount.read_only, mount.recursive));
    struct stat info {};
    if (::fstat(source.fd(), &info) < 0) return Error::Errno(errno, "look at '" + mount.source + "'");
    const os::UniqueFd place = TRY(MakePlace(root, mount.target, S_ISDIR(info.st_mode)));
    return os::AttachMountTo(source.fd(), place.get());
  }

  const TransferJob& job_;
  const store::Snapshots& snapshots_;
  const LayerMounts& layers_;
};

}  // namespace

Result<os::UniqueFd> MountView(const TransferJob& job, int snapshots, const LayerMounts& layers) {
  // Mounts are copied within one namespace: what was opened in the other is of no use there.
  const std::string path = TRY(os::PathOf(snapshots));
  TRY(os::EnterNewMountNamespace());
  for (const int root : layers.Roots()) TRY(os::AttachMount(root, "/"));
  const store::Snapshots store = TRY_CTX(store::Snapshots::Open(path), "snapshots");
  return View(job, store, layers).Make();
}

}  // namespace estiba::image
