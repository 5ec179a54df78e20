#include "backing.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/vfs.h>

namespace estiba::engine {
namespace {

struct FilesystemName {
  std::uint32_t magic;
  const char* name;
};

// Magic numbers of <linux/magic.h> and of those file systems that are not in it; docker's names.
constexpr FilesystemName kNames[] = {
    {0x0000EF53, "extfs"},    {0x58465342, "xfs"},      {0x9123683E, "btrfs"},    {0x01021994, "tmpfs"},
    {0x794C7630, "overlayfs"}, {0x2FC12FC1, "zfs"},     {0xF2F52010, "f2fs"},     {0x00006969, "nfs"},
    {0x65735546, "fuseblk"},  {0x858458F6, "ramfs"},    {0x0000F15F, "ecryptfs"}, {0x61756673, "aufs"},
    {0x52654973, "reiserfs"}, {0x3153464A, "jfs"},      {0x000072B6, "jffs2"},    {0x0000517B, "smb"},
    {0xFF534D42, "smb"},      {0xFE534D42, "smb"},      {0xCA451A4E, "bcachefs"}, {0x47504653, "gpfs"},
    {0xA501FCF5, "vxfs"},     {0x28CD3D45, "cramfs"},   {0x73717368, "squashfs"}, {0xE0F5E1E2, "erofs"},
};

Result<bool> TellsKinds(os::DirFd folder) {
  os::UniqueFd listed = TRY(os::OpenAt(folder, ".", O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(listed.get()), &::closedir);
  if (const int err = errno; !stream) return Error::Errno(err, "list a directory of the data root");
  (void)listed.Release();  // the stream's
  bool tells = false;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
  while (const dirent* entry = ::readdir(stream.get())) tells = tells || entry->d_type != DT_UNKNOWN;
  return tells;
}

std::string Word(bool yes) { return yes ? "true" : "false"; }

}  // namespace

Result<Backing> LookAtBacking(os::DirFd folder) {
  struct statfs info {};
  if (::fstatfs(folder.fd, &info) < 0) return Error::Errno(errno, "look at the file system of the data root");
  const auto* found = std::ranges::find(kNames, static_cast<std::uint32_t>(info.f_type), &FilesystemName::magic);
  Backing backing;
  backing.name = found == std::end(kNames) ? "<unknown>" : found->name;
  backing.d_type = TRY(TellsKinds(folder));
  return backing;
}

std::vector<std::vector<std::string>> DriverStatus(const Backing& backing, bool copies, bool userxattr) {
  if (copies) return {{"Backing Filesystem", backing.name}};
  return {{"Backing Filesystem", backing.name},
          {"Supports d_type", Word(backing.d_type)},
          {"Using metacopy", "false"},       // docs/adr/0010: never
          {"Native Overlay Diff", "true"},   // commit and diff read the upper directory itself
          {"userxattr", Word(userxattr)}};
}

}  // namespace estiba::engine
