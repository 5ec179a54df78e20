// What the data root's file system can do. Tried in a folder of ours there, or where it will be, which is
// gone afterwards.

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../backing.h"
#include "findings.h"
#include "os/features.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/userns.h"
#include "store/image_probe.h"
#include "store/overlay_probe.h"

namespace estiba::engine {
namespace {

constexpr Feature kFolder{"Storage", "data root", true, "no engine starts",
                          "make its folder one that you may write to"};
constexpr Feature kSpace{
    "Storage", "free space", true, "pulls and writing containers fail",
    "estiba system prune -a, or data_root on a larger file system (docs/configuration.md)"};
constexpr Feature kOverlay{
    "Storage", "overlay", false,
    "containers are copies of their layers, which takes time and space at every create",
    "modprobe overlay, or a data root on ext4, xfs (ftype=1) or btrfs"};
constexpr Feature kLowers{"Storage", "lowerdir+", false, "images of more than about 80 layers",
                          "Linux 6.5 or later"};
constexpr Feature kErofs{"Storage", "erofs from files", false, "storage_driver = \"erofs\"",
                         "Linux 6.12 or later"};
constexpr Feature kIdMaps{
    "Storage", "id-mapped mounts", false, "idmap of binds, --userns=auto with shared layers",
    "a data root on ext4, xfs or btrfs, and Linux 5.12 (btrfs 5.15, tmpfs 6.3) or later"};

// The folder itself, or the nearest above it that is there.
std::string Nearest(std::string path) {
  while (path.size() > 1 && ::access(path.c_str(), F_OK) != 0)
    path.resize(std::max<std::size_t>(path.rfind('/'), 1));
  return path;
}

std::string Gibibytes(std::uint64_t bytes) { return std::to_string(bytes >> 30) + " GiB"; }

void ExamineSpace(const std::string& folder, Findings& findings) {
  constexpr std::uint64_t kLittle = std::uint64_t{1} << 30;
  constexpr std::uint64_t kFewFiles = 10'000;
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0)
    return Tell(findings, kSpace, Error::Errno(errno, "look at '" + folder + "'"), "");
  const std::uint64_t free = info.f_bavail * info.f_frsize;
  const bool files = info.f_files == 0 || info.f_favail >= kFewFiles;
  const std::string detail = Gibibytes(free) + " of " + Gibibytes(info.f_blocks * info.f_frsize) +
                             (files ? "" : ", room for " + std::to_string(info.f_favail) + " files");
  Tell(findings, kSpace, free >= kLittle && files, detail,
       free == 0 ? FindingState::kMissing : FindingState::kLimited);
}

Status TryIdMap(int folder) {
  auto clone = TRY(os::CloneTree({folder}, "", /*recursive=*/false));
  const std::string shifted = "0 100000 65536\n";
  const os::UniqueFd map = TRY(os::CreateUserNamespace(shifted, shifted));
  os::MountAttributes attributes;
  attributes.set = MOUNT_ATTR_IDMAP;
  attributes.user_namespace = map.get();
  return os::SetMountAttributes(clone.fd(), attributes, /*recursive=*/false);
}

void ExamineForms(const Config& config, const std::string& folder, Findings& findings) {
  const auto snapshots = store::Snapshots::Open(folder + "/snapshots");
  const auto directory = os::OpenAt({AT_FDCWD}, folder, O_RDONLY | O_DIRECTORY);
  if (!snapshots.ok()) return Tell(findings, kOverlay, snapshots.error().Clone(), "");
  const std::string name = directory.ok() ? [&] {
    const auto backing = LookAtBacking({directory->get()});
    return backing.ok() ? backing->name : std::string("?");
  }()
                                          : "?";
  Tell(findings, kOverlay, store::ProbeOverlay(*snapshots, config.rootless), "mounted on " + name,
       FindingState::kLimited);
  const bool appends = os::ProbeFeatures(/*overlays=*/true).overlay_lower_append;
  TellThere(findings, kLowers, appends, FindingState::kLimited);
  if (config.rootless || !directory.ok()) return;  // neither is a user's to have
  Tell(findings, kErofs, store::ProbeImages({directory->get()}), "mounted", FindingState::kLimited);
  Tell(findings, kIdMaps, TryIdMap(directory->get()), "on " + name, FindingState::kLimited);
}

}  // namespace

void ExamineStorage(const Config& config, Findings& findings) {
  const std::string nearest = Nearest(config.data_root);
  std::string folder = nearest + "/.estiba-doctor-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr)
    return Tell(findings, kFolder, Error::Errno(errno, "write to '" + nearest + "'"), "");
  Tell(findings, kFolder, true, config.data_root + (nearest == config.data_root ? "" : ", not made yet"));
  ExamineSpace(folder, findings);
  ExamineForms(config, folder, findings);
  const Status gone = os::DeleteTree({AT_FDCWD}, folder);
  if (!gone.ok()) Tell(findings, kFolder, gone, "", FindingState::kLimited);
}

}  // namespace estiba::engine
