// A layer as a directory, in the form overlayfs reads.

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/unpack.h"
#include "os/file.h"
#include "os/mode.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;

constexpr std::size_t kMaxDirectoryNames = 64U << 20;  // bytes: their times are set at the end
constexpr std::uint64_t kWriteBack = 1U << 20;
constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

timespec TimeOf(const TarEntry& entry) {
  return {static_cast<time_t>(entry.mtime_s),
          static_cast<long>(std::clamp<std::int64_t>(entry.mtime_ns, 0, 999'999'999))};
}

Node KindOf(const struct stat& info, bool whiteout) {
  if (S_ISREG(info.st_mode)) return Node::kFile;
  if (S_ISDIR(info.st_mode)) return Node::kDirectory;
  if (S_ISLNK(info.st_mode)) return Node::kSymlink;
  return whiteout ? Node::kWhiteout : Node::kOther;
}

using Attributes = std::vector<std::pair<std::string, std::string>>;
// Of a directory: the access list of what is made in it.
constexpr std::string_view kDefaultList = "system.posix_acl_default";

// `set` is f(name, value): 0, or -1 with errno.
template <typename Set>
Status SetAttributes(const Attributes& attributes, bool in_user_namespace, const Set& set) {
  for (const auto& [name, value] : attributes) {
    if (set(name.c_str(), value) == 0) continue;
    const int err = errno;
    // The file system keeps none (as docker and tar do), or only the host's root may.
    if (err == ENOTSUP || (err == EPERM && in_user_namespace)) continue;
    return Error::Errno(err, "set attribute '" + name + "'");
  }
  return Ok();
}

auto SetterOf(int fd) {
  return [fd](const char* name, const std::string& value) {
    return ::fsetxattr(fd, name, value.data(), value.size(), 0);
  };
}

Error OwnerFailure(int err, const TarEntry& entry) {
  Error error = Error::Errno(err, "give it to " + std::to_string(entry.uid) + ":" + std::to_string(entry.gid));
  if (err == EINVAL)
    return std::move(error).Hint("the user namespace has no such id: see /etc/subuid and /etc/subgid");
  return error;
}

// Owner first: it clears setuid bits and capabilities, which follow. What is right already costs no change: each is a
// transaction of the file system's.
Status SetOwnerAndMode(int fd, const TarEntry& entry, bool in_user_namespace) {
  struct stat made {};
  if (::fstat(fd, &made) < 0) return Error::Errno(errno, "look at it");
  const bool owned = made.st_uid == entry.uid && made.st_gid == entry.gid;
  if (!owned && ::fchown(fd, entry.uid, entry.gid) < 0) return OwnerFailure(errno, entry);
  TRY(SetAttributes(entry.xattrs, in_user_namespace, SetterOf(fd)));
  // An attribute may be an access list, which changes the mode.
  const bool moded = owned && entry.xattrs.empty() && (made.st_mode & 07777U) == entry.mode;
  if (!moded && ::fchmod(fd, entry.mode) < 0) return Error::Errno(errno, "set its mode");
  return Ok();
}

Status SetTime(int fd, const TarEntry& entry) {
  const timespec times[2] = {TimeOf(entry), TimeOf(entry)};
  if (::futimens(fd, times) < 0) return Error::Errno(errno, "set its time");
  return Ok();
}

Status WriteAt(int file, const codec::TarReader::Chunk& chunk) {
  std::size_t done = 0;
  while (done < chunk.bytes.size()) {
    const ssize_t n = ::pwrite(file, chunk.bytes.data() + done, chunk.bytes.size() - done,
                               static_cast<off_t>(chunk.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::Errno(n < 0 ? errno : EIO, "write");
    done += static_cast<std::size_t>(n);
  }
  return Ok();
}

Status WriteContent(int file, const TarEntry& entry, const Content& content) {
  std::uint64_t end = 0;
  while (true) {
    const codec::TarReader::Chunk chunk = TRY(content());
    if (chunk.bytes.empty()) break;
    TRY(WriteAt(file, chunk));
    end = chunk.offset + chunk.bytes.size();
  }
  // The disk starts on large files now, so that syncfs has less to wait for. Only a hint, whose failure means nothing.
  if (end >= kWriteBack) ::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE);
  // A hole at the end of a sparse file.
  if (end < entry.size && ::ftruncate(file, static_cast<off_t>(entry.size)) < 0)
    return Error::Errno(errno, "make it " + std::to_string(entry.size) + " bytes long");
  return Ok();
}

class DirectoryDestination final : public Destination {
 public:
  DirectoryDestination(os::DirFd root, bool user_xattrs, bool plain, std::optional<Around> around = {})
      : tree_(root, user_xattrs, plain, std::move(around)), user_xattrs_(user_xattrs) {}

  Result<Node> Look(const std::string& path) override {
    if (path.empty()) return Node::kDirectory;
    const SplitPath split = SplitLast(path);
    const auto parent = tree_.Find(split.parent);
    if (!parent.ok() && parent.error().code() == Code::kNotFound) return Node::kAbsent;
    if (!parent.ok() && parent.error().errnum() == ENOTDIR)
      return Error(Code::kInvalidArgument, "'" + path + "' is below what is no directory");
    if (!parent.ok()) return parent.error().Clone();
    struct stat info {};
    if (::fstatat(*parent, split.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
      return KindOf(info, tree_.IsWhiteout(info));
    if (errno == ENOENT) return Node::kAbsent;
    return Error::Errno(errno, "look at '" + path + "'");
  }

  Status MakeParents(const std::string& path) override {
    TRY(tree_.Directory(SplitLast(path).parent));
    return Ok();
  }

  Status AddFile(const std::string& path, const TarEntry& entry, const Content& content) override {
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Directory(split.parent));
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    auto opened = os::OpenAt({parent}, split.name, kFlags, entry.mode);
    if (!opened.ok() && opened.error().errnum() == EEXIST) {
      TRY(tree_.Remove(parent, split.name));
      opened = os::OpenAt({parent}, split.name, kFlags, entry.mode);
    }
    const os::UniqueFd file = TRY(std::move(opened));
    TRY(WriteContent(file.get(), entry, content));
    TRY(SetOwnerAndMode(file.get(), entry, user_xattrs_));
    return SetTime(file.get(), entry);
  }

  Status AddDirectory(const std::string& path, const TarEntry& entry) override {
    if (path.empty()) return FinishDirectory(path, entry);
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Directory(split.parent));
    const char* name = split.name.c_str();
    if (::mkdirat(parent, name, 0700) == 0) return FinishDirectory(path, entry);
    if (errno != EEXIST) return Error::Errno(errno, "make a directory");
    struct stat info {};
    if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return Error::Errno(errno, "look at it");
    if (S_ISDIR(info.st_mode)) return FinishDirectory(path, entry);
    TRY(tree_.Remove(parent, split.name));
    if (::mkdirat(parent, name, 0700) < 0) return Error::Errno(errno, "make a directory");
    if (tree_.IsWhiteout(info)) TRY(tree_.MakeOpaque(path));
    return FinishDirectory(path, entry);
  }

  Status AddSymlink(const std::string& path, const TarEntry& entry) override {
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Directory(split.parent));
    int made = ::symlinkat(entry.link.c_str(), parent, split.name.c_str());
    if (made < 0 && errno == EEXIST) {
      TRY(tree_.Remove(parent, split.name));
      made = ::symlinkat(entry.link.c_str(), parent, split.name.c_str());
    }
    if (made < 0) return Error::Errno(errno, "make a symbolic link");
    return FinishByName(entry, parent, split.name, /*set_mode=*/false);
  }

  Status AddNode(const std::string& path, const TarEntry& entry) override {
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Directory(split.parent));
    const bool device = entry.kind != TarKind::kFifo;
    TRY(tree_.Remove(parent, split.name));
    const dev_t number = device ? ::makedev(entry.device_major, entry.device_minor) : 0;
    const mode_t type = entry.kind == TarKind::kCharDevice    ? S_IFCHR
                        : entry.kind == TarKind::kBlockDevice ? S_IFBLK
                                                              : S_IFIFO;
    if (::mknodat(parent, split.name.c_str(), type | 0600, number) < 0) {
      const int err = errno;
      // A user namespace makes no devices; containers get their own /dev.
      if (device && err == EPERM && user_xattrs_) return Ok();
      return Error::Errno(err, "make a device or fifo");
    }
    return FinishByName(entry, parent, split.name, /*set_mode=*/true);
  }

  Status AddHardlink(const std::string& path, const std::string& target) override {
    const SplitPath from = SplitLast(target);
    const SplitPath at = SplitLast(path);
    const int found = TRY(tree_.Find(from.parent));
    const os::UniqueFd holder = TRY(os::Duplicate(found));  // Directory() may drop it
    const int parent = TRY(tree_.Directory(at.parent));
    TRY(tree_.Remove(parent, at.name));
    // Flags 0: a link to a symbolic link is one to the link itself.
    if (::linkat(holder.get(), from.name.c_str(), parent, at.name.c_str(), 0) < 0)
      return Error::Errno(errno, "link it to '" + target + "'");
    return Ok();
  }

  Status AddWhiteout(const std::string& path) override {
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Directory(split.parent));
    if (::mknodat(parent, split.name.c_str(), S_IFCHR, 0) < 0) return Error::Errno(errno, "make a whiteout");
    return Ok();
  }

  Status MakeOpaque(const std::string& path) override { return tree_.MakeOpaque(path); }

  Status Remove(const std::string& path) override {
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Directory(split.parent));
    return tree_.Remove(parent, split.name);
  }

  std::vector<std::string> Implied() const override { return {tree_.implied().begin(), tree_.implied().end()}; }

  Status Pause() override {
    tree_.Close();
    return Ok();
  }

  // What came into a directory has changed its time, and would have inherited its default access list. Of what the
  // archive has said of one directory the last holds.
  Status Finish(const std::string&) override {
    for (const Late& late : late_) {
      const auto fd = OpenDirectory(late.path);
      if (!fd.ok()) continue;  // a later entry replaced it
      TRY_CTX(SetAttributes(late.lists, user_xattrs_, SetterOf(fd->get())), "'" + late.path + "'");
      const timespec times[2] = {late.time, late.time};
      if (::futimens(fd->get(), times) < 0) return Error::Errno(errno, "set the time of '" + late.path + "'");
    }
    return Ok();
  }

 private:
  // Of a directory, for when everything is in.
  struct Late {
    std::string path;
    timespec time;
    Attributes lists;
  };

  Result<os::UniqueFd> OpenDirectory(const std::string& path) {
    const SplitPath split = SplitLast(path);
    const int parent = TRY(tree_.Find(split.parent));
    return os::OpenAt({parent}, path.empty() ? "." : split.name, kOpenDirectory);
  }

  Status FinishDirectory(const std::string& path, const TarEntry& entry) {
    const os::UniqueFd fd = TRY(OpenDirectory(path));
    TarEntry now = entry;
    Late late{path, TimeOf(entry), {}};
    const auto lists = std::ranges::partition(now.xattrs, [](const auto& one) { return one.first != kDefaultList; });
    late.lists.assign(lists.begin(), lists.end());
    now.xattrs.erase(lists.begin(), lists.end());
    TRY(SetOwnerAndMode(fd.get(), now, user_xattrs_));
    tree_.Described(path);
    directory_names_ += path.size() + sizeof(Late);
    for (const auto& [name, value] : late.lists) directory_names_ += name.size() + value.size();
    if (directory_names_ > kMaxDirectoryNames)
      return Error(Code::kResourceExhausted, "archive has too many directories (at '" + entry.path + "')");
    late_.push_back(std::move(late));
    return Ok();
  }

  // Owner, mode and time of what cannot be opened.
  Status FinishByName(const TarEntry& entry, int parent, const std::string& name, bool set_mode) {
    if (::fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) < 0)
      return OwnerFailure(errno, entry);
    const std::string path = "/proc/self/fd/" + std::to_string(parent) + "/" + name;
    TRY(SetAttributes(entry.xattrs, user_xattrs_, [&path](const char* attribute, const std::string& value) {
      return ::lsetxattr(path.c_str(), attribute, value.data(), value.size(), 0);
    }));
    // A container that runs writes to its volume too.
    if (set_mode) TRY(os::SetModeOf({parent}, name, entry.mode));
    const timespec times[2] = {TimeOf(entry), TimeOf(entry)};
    if (::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) return Error::Errno(errno, "set its time");
    return Ok();
  }

  Tree tree_;
  bool user_xattrs_;
  std::vector<Late> late_;
  std::size_t directory_names_ = 0;
};

}  // namespace

std::unique_ptr<Destination> MakeDirectoryDestination(os::DirFd root, bool user_xattrs) {
  return std::make_unique<DirectoryDestination>(root, user_xattrs, /*plain=*/false);
}

std::unique_ptr<Destination> MakePlainDestination(os::DirFd root, bool in_user_namespace,
                                                  std::optional<Around> around) {
  return std::make_unique<DirectoryDestination>(root, in_user_namespace, /*plain=*/true, std::move(around));
}

}  // namespace estiba::image
