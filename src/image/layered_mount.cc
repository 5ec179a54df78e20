#include "layered_mount.h"

#include <cerrno>
#include <string>

#include <linux/capability.h>
#include <unistd.h>

#include "os/fsids.h"

namespace estiba::image {
namespace {

constexpr std::size_t kLongestParameter = 255;  // of fsconfig(2)

std::string NumberOf(const os::UniqueFd& fd) { return std::to_string(fd.get()); }

Status AddLowers(os::FilesystemContext& overlay, const std::vector<os::UniqueFd>& lowers) {
  std::string joined;
  for (const os::UniqueFd& lower : lowers) joined += (joined.empty() ? "" : ":") + NumberOf(lower);
  if (joined.size() <= kLongestParameter) return overlay.SetString("lowerdir", joined);
  for (const os::UniqueFd& lower : lowers) {
    const Status added = overlay.SetString("lowerdir+", NumberOf(lower));
    if (!added.ok())
      return added.error().Clone().Hint("kernels before 6.5 take about 80 layers by descriptor");
  }
  return Ok();
}

// Relative to /proc/self/fd "7" is descriptor 7.
Result<os::DetachedMount> Mount(const LayeredMount& layers) {
  auto overlay = TRY(os::FilesystemContext::Open("overlay"));
  TRY(overlay.SetString("source", "overlay"));
  TRY(AddLowers(overlay, layers.lowers));
  if (layers.upper.valid()) {
    TRY(overlay.SetString("upperdir", NumberOf(layers.upper)));
    TRY(overlay.SetString("workdir", NumberOf(layers.work)));
  }
  // As containers' own overlays (docs/adr/0010).
  TRY(overlay.SetString("index", "off"));
  if (layers.user_xattrs) {
    TRY(overlay.SetFlag("userxattr"));
  } else {
    TRY(overlay.SetString("redirect_dir", "nofollow"));
    TRY(overlay.SetString("metacopy", "off"));
  }
  return overlay.Mount(0);
}

}  // namespace

Result<os::DetachedMount> MountLayered(const LayeredMount& layers) {
  // Files are written with the rights of who mounts it, and CAP_SYS_RESOURCE is above quotas.
  const os::WithoutCapability bounded = TRY(os::WithoutCapability::Drop(CAP_SYS_RESOURCE));
  if (::chdir("/proc/self/fd") < 0) return Error::Errno(errno, "change to '/proc/self/fd'");
  auto mounted = Mount(layers);
  if (::chdir("/") < 0) return Error::Errno(errno, "change to '/'");
  return mounted;
}

}  // namespace estiba::image
