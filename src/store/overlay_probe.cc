#include "store/overlay_probe.h"

#include <string>

#include "os/file.h"
#include "os/mount.h"

namespace estiba::store {
namespace {

Status Mount(int folder, bool userxattr) {
  auto overlay = TRY(os::FilesystemContext::Open("overlay"));
  for (const char* part : {"lower", "upper", "work"}) {
    const os::UniqueFd directory = TRY(os::EnsureDirectoryAt({folder}, part, 0700));
    // By a descriptor: paths have a limit.
    const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + part;
    TRY(overlay.SetString(std::string(part) + "dir", path));
  }
  if (userxattr) TRY(overlay.SetFlag("userxattr"));
  TRY(overlay.Mount(0));
  return Ok();
}

}  // namespace

Status ProbeOverlay(const Snapshots& snapshots, bool userxattr) {
  const Snapshots::Unfinished folder = TRY(snapshots.CreateUnfinished("probe"));
  Status mounted = Mount(folder.fd.get(), userxattr);
  TRY(snapshots.DeleteUnfinished(folder));
  return mounted;
}

}  // namespace estiba::store
