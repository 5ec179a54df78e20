// Overlays: the root's, and those of images that are mounted.

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/vfs.h>

#include "attached.h"
#include "os/file.h"
#include "os/fsids.h"
#include "os/image_mount.h"
#include "os/mount.h"
#include "os/overlay.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Step;

struct LayerPath {
  std::string text;
  os::UniqueFd fd;  // keeps "/proc/self/fd/N" alive
};

Result<os::UniqueFd> OpenLayer(int in, const std::string& path) {
  return os::OpenAt({in < 0 ? AT_FDCWD : in}, path, O_PATH | O_DIRECTORY);
}

// `in`: the mount that it is in, or none.
Result<LayerPath> LayerPathOf(int in, const std::string& path) {
  LayerPath layer;
  if (in < 0 && path.size() <= os::kLongestParameter) {
    layer.text = path;
    return layer;
  }
  layer.fd = TRY(OpenLayer(in, path));
  layer.text = "/proc/self/fd/" + std::to_string(layer.fd.get());
  return layer;
}

// A lower: a path in a mount, or anywhere.
struct Lower {
  int in = -1;
  std::string path;
};

constexpr std::size_t kFirstImage = 2;  // of the inputs

// Images are the roots of the mounts that earlier steps made of them.
Result<std::vector<Lower>> LowersOf(const Session& session, const Step& step) {
  std::vector<Lower> lowers;
  std::size_t image = kFirstImage;
  for (std::size_t i = 2; i < step.text.size(); ++i) {
    const bool is_image = step.text[i].empty();
    const int in = session.In(step, is_image ? image++ : 0);
    if (is_image && in < 0) return Error(Code::kInvalidArgument, "the plan mounts no image for a layer");
    lowers.push_back({in, is_image ? "." : step.text[i]});
  }
  return lowers;
}

Status AddLowers(os::FilesystemContext& overlay, const std::vector<Lower>& lowers, bool append,
                 std::vector<LayerPath>& keep) {
  if (append) {
    for (const Lower& lower : lowers) {
      keep.push_back(TRY_CTX(LayerPathOf(lower.in, lower.path), "layer"));
      TRY(overlay.SetString("lowerdir+", keep.back().text));
    }
    return Ok();
  }
  std::vector<int> layers;
  for (const Lower& lower : lowers) {
    keep.push_back({.text = {}, .fd = TRY_CTX(OpenLayer(lower.in, lower.path), "layer")});
    layers.push_back(keep.back().fd.get());
  }
  return os::AddLowers(overlay, layers);
}

// With `upper` and `work` a writable overlay.
Status SetUpper(os::FilesystemContext& overlay, int in, const std::string& upper, const std::string& work,
                std::vector<LayerPath>& keep) {
  keep.push_back(TRY(LayerPathOf(in, upper)));
  Status set = overlay.SetString("upperdir", keep.back().text);
  keep.push_back(TRY(LayerPathOf(in, work)));
  if (set.ok()) set = overlay.SetString("workdir", keep.back().text);
  struct statfs info{};
  if (set.ok() || in >= 0 || ::statfs(upper.c_str(), &info) != 0 || info.f_type != OVERLAYFS_SUPER_MAGIC) return set;
  return std::move(set).error().Hint(
      "containers' files would lie on another overlay, as inside a container: keep them on a volume or a tmpfs");
}

// A single layer without an upper one is no overlay: the layer itself, read-only.
Status BindReadOnly(Session& session, const Step& step, const Lower& layer) {
  auto tree = TRY(os::CloneTree({layer.in < 0 ? AT_FDCWD : layer.in}, layer.path, /*recursive=*/false));
  os::MountAttributes attributes;
  attributes.set = MOUNT_ATTR_RDONLY;
  TRY(os::SetMountAttributes(tree.fd(), attributes, /*recursive=*/false));
  session.Fill(step, tree.Release());
  return Ok();
}

// The overlay has a hold of its own on images.
void GiveUpImages(Session& session, const Step& step) {
  for (std::size_t i = kFirstImage; i < step.in.size(); ++i) {
    if (step.in[i] >= 0) session.slots[static_cast<std::size_t>(step.in[i])].Reset();
  }
}

// A volatile overlay leaves a mark in its work directory that keeps it from being mounted again: after a crash of the
// host its upper directory may be any state of it. Ours are removed after one, and go on after anything else.
Status ForgetVolatile(int in, const std::string& work) {
  const os::UniqueFd folder = TRY(os::OpenAt({in < 0 ? AT_FDCWD : in}, work, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return os::DeleteTree({folder.get()}, "work");
}

Result<os::DetachedMount> MountOnce(const Session& session, const Step& step, const std::vector<Lower>& lowers,
                                    std::uint64_t flags) {
  const std::string& upper = step.text.at(0);
  auto overlay = TRY(os::FilesystemContext::Open("overlay"));
  TRY(overlay.SetString("source", "overlay"));
  std::vector<LayerPath> keep;
  std::optional<os::InDescriptors> relative;
  if (step.numbers.at(1) == 0) relative.emplace(TRY(os::InDescriptors::Enter()));
  TRY(AddLowers(overlay, lowers, step.numbers.at(1) != 0, keep));
  if (!upper.empty()) TRY(SetUpper(overlay, session.In(step, 1), upper, step.text.at(1), keep));
  TRY(os::SetBehaviour(overlay, {.user_xattrs = (flags & plan::kOverlayUserXattr) != 0,
                                 .is_volatile = (flags & plan::kOverlayVolatile) != 0}));
  return overlay.Mount(0);
}

Status MakeOverlay(Session& session, const Step& step) {
  const std::string& upper = step.text.at(0);
  const std::uint64_t flags = step.numbers.at(0);
  const std::vector<Lower> lowers = TRY(LowersOf(session, step));
  if (upper.empty() && lowers.size() == 1) return BindReadOnly(session, step, lowers[0]);
  // What overlayfs makes for itself in the work directory is made by who mounts it.
  std::optional<os::FileIds> owner;
  if (step.numbers.size() > 4 && step.numbers[2] != 0)
    owner.emplace(TRY(os::FileIds::Assume(static_cast<uid_t>(step.numbers[3]), static_cast<gid_t>(step.numbers[4]))));
  // Files are written with the rights of who mounts it, and CAP_SYS_RESOURCE is above quotas.
  std::optional<os::WithoutCapability> bounded;
  if (step.numbers.size() > 5 && step.numbers[5] != 0)
    bounded.emplace(TRY(os::WithoutCapability::Drop(CAP_SYS_RESOURCE)));
  const bool is_volatile = (flags & plan::kOverlayVolatile) != 0;
  if (is_volatile) TRY(ForgetVolatile(session.In(step, 1), step.text.at(1)));
  auto mount = MountOnce(session, step, lowers, flags);
  // A kernel before 5.10: its contents reach the disk, which takes longer.
  if (is_volatile && !mount.ok() && mount.error().errnum() == EINVAL)
    mount = MountOnce(session, step, lowers, flags & ~plan::kOverlayVolatile);
  if (!mount.ok()) return std::move(mount).error();
  session.Fill(step, mount->Release());
  return Ok();
}

}  // namespace

Status MountImage(Session& session, const Step& step) {
  const std::string what = "layer '" + step.text.at(0) + "'";
  const os::UniqueFd image = TRY_CTX(os::OpenAt({AT_FDCWD}, step.text[0], O_RDONLY | O_NOFOLLOW), "layer");
  auto mount = TRY_CTX(os::MountErofs(image.get()), what);
  if (const int maps = session.In(step); maps >= 0) {
    os::MountAttributes attributes;
    attributes.user_namespace = maps;
    TRY_CTX(os::SetMountAttributes(mount.fd(), attributes, /*recursive=*/false), "id-map " + what);
  }
  session.Fill(step, mount.Release());
  return Ok();
}

Status MountOverlay(Session& session, const Step& step) {
  std::vector<int> mapped;
  for (std::size_t i = 0; i < step.in.size(); ++i) {
    if (session.In(step, i) >= 0) mapped.push_back(session.In(step, i));
  }
  Status made = WithAttached(mapped, [&] { return MakeOverlay(session, step); });
  if (made.ok()) GiveUpImages(session, step);
  if (made.ok() || session.In(step) < 0 || made.error().errnum() != EINVAL) return made;
  return std::move(made).error().Hint("id-mapped layers of an overlay need kernel 5.19");
}

}  // namespace estiba::runtime
