// An archive into a directory of a container's, or a user's.

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "os/mount.h"
#include "os/passwd.h"
#include "path_jobs.h"
#include "path_lookup.h"
#include "path_names.h"
#include "plain_archive.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;

constexpr std::uint32_t kWhoMakesIt = UINT32_MAX;  // fchown(2) leaves the owner as it is

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

// What is done to entries before they are unpacked.
class Admission {
 public:
  Admission(const PathJob& job, Destination& to, std::string shown, std::optional<os::ResolvedUser> owner)
      : job_(job), to_(to), shown_(std::move(shown)), owner_(owner) {}

  Result<bool> operator()(TarEntry& entry) const {
    if (job_.on_host) Rename(entry);
    std::optional<std::string> path = CleanEntryPath(entry.path);
    if (!path.has_value())
      return Error(Code::kInvalidArgument, Quoted(entry.path) + " is outside of " + Quoted(shown_));
    // The directory that it is all unpacked in stays as it is.
    if (path->empty()) return false;
    entry.path = std::move(*path);
    if (entry.kind == TarKind::kHardlink) TRY(CleanLink(entry));
    if (job_.keep_kinds) TRY(CheckKind(entry));
    TRY(SetOwner(entry));
    return true;
  }

 private:
  void Rename(TarEntry& entry) const {
    if (job_.name.empty()) return;
    entry.path = Rebase(entry.path, job_.base, job_.name);
    if (entry.kind == TarKind::kHardlink) entry.link = Rebase(entry.link, job_.base, job_.name);
  }

  Status CleanLink(TarEntry& entry) const {
    std::optional<std::string> link = CleanEntryPath(entry.link);
    if (!link.has_value())
      return Error(Code::kInvalidArgument, "invalid hardlink " + Quoted(entry.link) + " -> " + Quoted(entry.path));
    entry.link = std::move(*link);
    return Ok();
  }

  Status CheckKind(const TarEntry& entry) const {
    const Node there = TRY(to_.Look(entry.path));
    const bool directory = entry.kind == TarKind::kDirectory;
    const std::string path = Quoted(shown_ + (shown_.ends_with('/') ? "" : "/") + entry.path);
    if (there == Node::kDirectory && !directory)
      return Error(Code::kInvalidArgument,
                   "cannot overwrite directory " + path + " with non-directory " + Quoted(shown_));
    if (there != Node::kDirectory && there != Node::kAbsent && directory)
      return Error(Code::kInvalidArgument,
                   "cannot overwrite non-directory " + path + " with directory " + Quoted(shown_));
    return Ok();
  }

  Status SetOwner(TarEntry& entry) const {
    if (job_.on_host) {
      entry.uid = kWhoMakesIt;
      entry.gid = kWhoMakesIt;
      return Ok();
    }
    if (owner_.has_value()) {
      entry.uid = owner_->uid;
      entry.gid = owner_->gid;
    }
    entry.uid = TRY(ToHost(job_.uids, entry.uid));
    entry.gid = TRY(ToHost(job_.gids, entry.gid));
    return Ok();
  }

  const PathJob& job_;
  Destination& to_;
  const std::string shown_;  // the directory, for errors
  const std::optional<os::ResolvedUser> owner_;
};

Status Unpack(Destination& to, int archive, const Admission& admission) {
  return UnpackPlainArchive(to, archive, [&admission](TarEntry& entry) { return admission(entry); });
}

// In docker's words. The kernel refuses what gets past this by a link.
Status CheckWritable(int directory, int root) {
  struct statvfs info {};
  if (::fstatvfs(directory, &info) < 0) return Error::Errno(errno, "look at the extraction point");
  if ((info.f_flag & ST_RDONLY) == 0) return Ok();
  const os::MountId mount = TRY(os::MountIdOf(directory));
  const os::MountId whole = TRY(os::MountIdOf(root));
  return Error(Code::kPermissionDenied, mount.number == whole.number ? "container rootfs is marked read-only"
                                                                     : "mounted volume is marked read-only");
}

// By the container's own files.
Result<os::ResolvedUser> OwnerOf(const PathJob& job, int root) {
  const std::string passwd = TRY(os::ReadUserFile({root}, "etc/passwd"));
  return os::ResolveUser(passwd, TRY(os::ReadUserFile({root}, "etc/group")), job.owner);
}

}  // namespace

Status PutPath(const TransferJob& job, int root, int archive) {
  const FoundPath found = TRY(FindDirectory(job.path, root));
  TRY(CheckWritable(found.file.get(), root));
  std::optional<os::ResolvedUser> owner;
  if (!job.path.owner.empty()) owner = TRY(OwnerOf(job.path, root));
  const os::UniqueFd directory = TRY(os::OpenAt({found.file.get()}, ".", O_RDONLY | O_DIRECTORY));
  const auto to = MakePlainDestination({directory.get()}, job.user_xattrs, Around{root, found.path});
  return Unpack(*to, archive, Admission(job.path, *to, found.path, owner));
}

Status PutOnHost(const TransferJob& job, int directory, int archive) {
  // Without privilege as in a user namespace: some attributes cannot be set.
  const auto to = MakePlainDestination({directory}, /*in_user_namespace=*/::geteuid() != 0);
  return Unpack(*to, archive, Admission(job.path, *to, job.path.path, {}));
}

}  // namespace estiba::image
