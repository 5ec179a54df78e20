// Roots and mount sources, opened by the parent, which may walk to them; the child only attaches them.

#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "clone_into.h"
#include "os/mount.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Step;

// fsconfig(2) takes strings of up to 255 bytes; a longer path goes by its descriptor.
constexpr std::size_t kLongestParameter = 255;

struct LayerPath {
  std::string text;
  os::UniqueFd fd;  // keeps "/proc/self/fd/N" alive
};

Result<LayerPath> LayerPathOf(const std::string& path) {
  LayerPath layer;
  if (path.size() <= kLongestParameter) {
    layer.text = path;
    return layer;
  }
  layer.fd = TRY(os::OpenAt({AT_FDCWD}, path, O_PATH | O_DIRECTORY));
  layer.text = "/proc/self/fd/" + std::to_string(layer.fd.get());
  return layer;
}

// The working directory is /proc/self/fd while this lives: "7" is then descriptor 7.
class InDescriptors {
 public:
  static Result<InDescriptors> Enter() {
    InDescriptors inside;
    inside.back_ = TRY(os::OpenAt({AT_FDCWD}, ".", O_PATH | O_DIRECTORY));
    if (::chdir("/proc/self/fd") == 0) return inside;
    const int err = errno;
    return Error::Errno(err, "change to '/proc/self/fd'");
  }
  InDescriptors(InDescriptors&&) = default;
  ~InDescriptors() {
    if (back_.valid() && ::fchdir(back_.get()) != 0) ::abort();  // we came from there
  }

 private:
  InDescriptors() = default;
  os::UniqueFd back_;
};

Status AddLowers(os::FilesystemContext& overlay, const std::vector<std::string>& lowers, bool append,
                 std::vector<LayerPath>& keep) {
  if (append) {
    for (const std::string& lower : lowers) {
      keep.push_back(TRY_CTX(LayerPathOf(lower), "layer"));
      TRY(overlay.SetString("lowerdir+", keep.back().text));
    }
    return Ok();
  }
  // Kernels before 6.5: one string of at most 255 bytes, so layers are descriptors relative to /proc/self/fd, where
  // InDescriptors puts us meanwhile.
  std::string joined;
  for (const std::string& lower : lowers) {
    LayerPath layer;
    layer.fd = TRY_CTX(os::OpenAt({AT_FDCWD}, lower, O_PATH | O_DIRECTORY), "layer");
    joined += (joined.empty() ? "" : ":") + std::to_string(layer.fd.get());
    keep.push_back(std::move(layer));
  }
  if (joined.size() > kLongestParameter) {
    return Error(Code::kFailedPrecondition, "an image of " + std::to_string(lowers.size()) + " layers")
        .Hint("this kernel's overlay takes about 80 layers by descriptor; from 6.5 on it takes any number");
  }
  return overlay.SetString("lowerdir", joined);
}

// With `upper` and `work` a writable overlay.
Status SetUpper(os::FilesystemContext& overlay, const std::string& upper, const std::string& work,
                std::vector<LayerPath>& keep) {
  keep.push_back(TRY(LayerPathOf(upper)));
  Status set = overlay.SetString("upperdir", keep.back().text);
  keep.push_back(TRY(LayerPathOf(work)));
  if (set.ok()) set = overlay.SetString("workdir", keep.back().text);
  struct statfs info{};
  if (set.ok() || ::statfs(upper.c_str(), &info) != 0 || info.f_type != OVERLAYFS_SUPER_MAGIC) return set;
  return std::move(set).error().Hint(
      "containers' files would lie on another overlay, as inside a container: keep them on a volume or a tmpfs");
}

// A single layer without an upper one is no overlay: the layer itself, read-only.
Status BindReadOnly(Session& session, const Step& step, const std::string& layer) {
  auto tree = TRY(os::CloneTree({AT_FDCWD}, layer, /*recursive=*/false));
  os::MountAttributes attributes;
  attributes.set = MOUNT_ATTR_RDONLY;
  TRY(os::SetMountAttributes(tree.fd(), attributes, /*recursive=*/false));
  session.Fill(step, tree.Release());
  return Ok();
}

// "/proc/PID/root/…": another container's file, by its own root, whatever links it has put there, and by its own mount
// namespace, which only a caller inside may clone from.
Result<os::DetachedMount> CloneForeignTree(const std::string& process, const std::string& path, bool recursive) {
  const std::string what = "mount source '" + process + "/root" + path + "'";
  const auto root = TRY_CTX(os::OpenAt({AT_FDCWD}, process + "/root", O_PATH | O_DIRECTORY), what);
  const auto source = TRY_CTX(os::OpenInRoot({root.get()}, path, O_PATH), what);
  auto tree = os::CloneTree({source.get()}, "", recursive);
  if (tree.ok() || tree.error().errnum() != EINVAL) return tree;
  const auto space = TRY_CTX(os::OpenAt({AT_FDCWD}, process + "/ns/mnt", O_RDONLY), what);
  return os::DetachedMount(TRY_CTX(CloneTreeOf(space.get(), source.get(), recursive), what));
}

Result<os::DetachedMount> CloneSource(const std::string& path, bool recursive) {
  const std::size_t end = path.find_first_not_of("0123456789", 6);
  const bool foreign = path.starts_with("/proc/") && end != std::string::npos && end > 6 &&
                       std::string_view(path).substr(end).starts_with("/root/");
  if (foreign) return CloneForeignTree(path.substr(0, end), path.substr(end + 5), recursive);
  return os::CloneTree({AT_FDCWD}, path, recursive);
}

Error IdMapFailure(Error error, const std::string& source) {
  const int err = error.errnum();
  Error failure = std::move(error).Context("id-map mount source '" + source + "'");
  if (err == EINVAL) return std::move(failure).Hint("its file system cannot be id-mapped, or already is");
  if (err == EPERM) return std::move(failure).Hint("that needs CAP_SYS_ADMIN over the file system");
  return failure;
}

}  // namespace

Status OpenRoot(Session& session, const Step& step) {
  auto tree = TRY_CTX(os::CloneTree({AT_FDCWD}, step.text.at(0), /*recursive=*/true), "root filesystem");
  os::MountAttributes attributes;
  attributes.propagation = 1U << 18;  // MS_PRIVATE: what is mounted in it stays ours
  if (auto set = os::SetMountAttributes(tree.fd(), attributes, /*recursive=*/true);
      !set.ok() && set.error().errnum() != ENOSYS) {
    return std::move(set).error();
  }
  session.Fill(step, tree.Release());
  return Ok();
}

Status MountOverlay(Session& session, const Step& step) {
  const std::string& upper = step.text.at(0);
  const std::string& work = step.text.at(1);
  const std::vector<std::string> lowers(step.text.begin() + 2, step.text.end());
  if (upper.empty() && lowers.size() == 1) return BindReadOnly(session, step, lowers[0]);
  auto overlay = TRY(os::FilesystemContext::Open("overlay"));
  TRY(overlay.SetString("source", "overlay"));
  std::vector<LayerPath> keep;
  std::optional<InDescriptors> relative;
  if (step.numbers.at(1) == 0) relative.emplace(TRY(InDescriptors::Enter()));
  TRY(AddLowers(overlay, lowers, step.numbers.at(1) != 0, keep));
  if (!upper.empty()) TRY(SetUpper(overlay, upper, work, keep));
  if (step.numbers.at(0) != 0) TRY(overlay.SetFlag("userxattr"));
  auto mount = TRY(overlay.Mount(0));
  session.Fill(step, mount.Release());
  return Ok();
}

Status OpenTree(Session& session, const Step& step) {
  const bool recursive = step.numbers.at(0) != 0;
  auto tree = CloneSource(step.text.at(0), recursive);
  if (!tree.ok() && tree.error().errnum() == ENOENT) {
    return Error(Code::kInvalidArgument, "bind source path does not exist: " + step.text[0]);
  }
  if (!tree.ok()) return std::move(tree).error();
  os::MountAttributes here;
  here.set = step.numbers.at(1);
  here.clear = step.numbers.at(2);
  os::MountAttributes everywhere;
  everywhere.propagation = step.numbers.at(3);
  everywhere.set = step.numbers.at(5);
  everywhere.clear = step.numbers.at(6);
  const bool propagate_everywhere = step.numbers.at(4) != 0;
  if (!propagate_everywhere) {
    here.propagation = everywhere.propagation;
    everywhere.propagation = 0;
  }
  if ((everywhere.set | everywhere.clear | everywhere.propagation) != 0) {
    TRY_CTX(os::SetMountAttributes(tree->fd(), everywhere, /*recursive=*/true), "mount source '" + step.text[0] + "'");
  }
  if ((here.set | here.clear | here.propagation) != 0) {
    TRY_CTX(os::SetMountAttributes(tree->fd(), here, /*recursive=*/false), "mount source '" + step.text[0] + "'");
  }
  if (const std::uint64_t mapped = step.numbers.size() > 7 ? step.numbers[7] : 0; mapped != 0) {
    os::MountAttributes map;
    map.user_namespace = session.In(step);
    auto done = os::SetMountAttributes(tree->fd(), map, /*recursive=*/mapped == 2);
    if (!done.ok()) return IdMapFailure(std::move(done).error(), step.text[0]);
  }
  session.Fill(step, tree->Release());
  return Ok();
}

Status OpenNamespace(Session& session, const Step& step) {
  auto fd = TRY(os::OpenAt({AT_FDCWD}, step.text.at(0), O_RDONLY));
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (const int err = errno; type < 0) return Error::Errno(err, "namespace '" + step.text[0] + "'");
  if (static_cast<std::uint64_t>(type) != step.numbers.at(0)) {
    return Error(Code::kInvalidArgument, "namespace '" + step.text[0] + "' is of another type");
  }
  session.Fill(step, std::move(fd));
  return Ok();
}

}  // namespace estiba::runtime
