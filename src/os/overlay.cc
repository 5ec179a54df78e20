#include "os/overlay.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "os/file.h"

namespace estiba::os {

Status SetBehaviour(FilesystemContext& overlay, OverlayBehaviour behaviour) {
  TRY(overlay.SetString("index", "off"));
  if (behaviour.is_volatile) TRY(overlay.SetFlag("volatile"));
  if (behaviour.user_xattrs) return overlay.SetFlag("userxattr");
  TRY(overlay.SetString("redirect_dir", "nofollow"));
  return overlay.SetString("metacopy", "off");
}

Result<InDescriptors> InDescriptors::Enter() {
  InDescriptors inside;
  inside.back_ = TRY(OpenAt({AT_FDCWD}, ".", O_PATH | O_DIRECTORY));
  if (::chdir("/proc/self/fd") == 0) return inside;
  const int err = errno;
  return Error::Errno(err, "change to '/proc/self/fd'");
}

InDescriptors::~InDescriptors() {
  if (back_.valid() && ::fchdir(back_.get()) != 0) ::abort();  // we came from there
}

Status AddLowers(FilesystemContext& overlay, const std::vector<int>& lowers) {
  std::string joined;
  for (const int lower : lowers) joined += (joined.empty() ? "" : ":") + std::to_string(lower);
  if (joined.size() <= kLongestParameter) return overlay.SetString("lowerdir", joined);
  for (const int lower : lowers) {
    Status added = overlay.SetString("lowerdir+", std::to_string(lower));
    if (!added.ok())
      return std::move(added).error().Context("an image of " + std::to_string(lowers.size()) + " layers")
          .Hint("kernels before 6.5 take about 80 layers by descriptor; from 6.5 on any number");
  }
  return Ok();
}

}  // namespace estiba::os
