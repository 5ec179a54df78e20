#include "image/unpack.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/file.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufsMetadata = ".wh..wh.";
constexpr std::size_t kMaxOpenLinks = 100'000;
constexpr std::size_t kMaxDirectoryNames = 64U << 20;  // bytes: their times are set at the end

std::string Where(const TarEntry& entry) { return "unpack '" + entry.path + "'"; }

timespec TimeOf(const TarEntry& entry) {
  return {static_cast<time_t>(entry.mtime_s),
          static_cast<long>(std::clamp<std::int64_t>(entry.mtime_ns, 0, 999'999'999))};
}

// Ours alone: an image that could set them would choose where overlayfs looks.
bool IsOverlayAttribute(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

Status SetAttributes(int fd, const TarEntry& entry, bool in_user_namespace) {
  for (const auto& [name, value] : entry.xattrs) {
    if (IsOverlayAttribute(name)) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    const int err = errno;
    // The file system keeps none (as docker and tar do), or only the host's root may.
    if (err == ENOTSUP || (err == EPERM && in_user_namespace)) continue;
    return Error::Errno(err, Where(entry) + ": set attribute '" + name + "'");
  }
  return Ok();
}

// Owner first: it clears setuid bits and capabilities, which follow.
Status SetOwnerAndMode(int fd, const TarEntry& entry, bool in_user_namespace) {
  if (::fchown(fd, entry.uid, entry.gid) < 0) {
    const int err = errno;
    Error error = Error::Errno(
        err, Where(entry) + ": give it to " + std::to_string(entry.uid) + ":" + std::to_string(entry.gid));
    if (err == EINVAL)
      return std::move(error).Hint("the user namespace has no such id: see /etc/subuid and /etc/subgid");
    return error;
  }
  TRY(SetAttributes(fd, entry, in_user_namespace));
  if (::fchmod(fd, entry.mode) < 0) return Error::Errno(errno, Where(entry) + ": set its mode");
  return Ok();
}

Status SetTime(int fd, const TarEntry& entry) {
  const timespec times[2] = {TimeOf(entry), TimeOf(entry)};
  if (::futimens(fd, times) < 0) return Error::Errno(errno, Where(entry) + ": set its time");
  return Ok();
}

class Unpacker {
 public:
  Unpacker(os::DirFd root, const UnpackOptions& options, codec::ByteSource source)
      : tree_(root, options.user_xattrs), options_(options), reader_(std::move(source), options.limits) {}

  Result<Unpacked> Run() {
    TarEntry entry;
    while (true) {
      const bool more = TRY(reader_.Next(entry));
      if (!more) break;
      TRY(Place(entry));
    }
    TRY(SetDirectoryTimes());
    out_.implied.assign(tree_.implied().begin(), tree_.implied().end());
    return std::move(out_);
  }

 private:
  Status Place(const TarEntry& entry) {
    const std::string path = TRY(CleanPath(entry.path));
    if (path.empty()) return PlaceRoot(entry);
    const SplitPath split = SplitLast(path);
    if (split.name.starts_with(kWhiteout)) return PlaceWhiteout(entry, split);
    const int parent = TRY_CTX(tree_.Directory(split.parent), Where(entry));
    switch (entry.kind) {
      case TarKind::kFile: return PlaceFile(entry, parent, split.name);
      case TarKind::kDirectory: return PlaceDirectory(entry, parent, split.name, path);
      case TarKind::kSymlink: return PlaceSymlink(entry, parent, split.name);
      case TarKind::kHardlink: return PlaceHardlink(entry, path, split);
      case TarKind::kCharDevice:
      case TarKind::kBlockDevice:
      case TarKind::kFifo: return PlaceNode(entry, parent, split.name);
    }
    return Ok();
  }

  Status PlaceRoot(const TarEntry& entry) {
    if (entry.kind != TarKind::kDirectory)
      return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' would replace the root directory");
    return FinishDirectory(entry, "");
  }

  Status PlaceWhiteout(const TarEntry& entry, const SplitPath& split) {
    if (split.name == kWhiteout)
      return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' hides nothing");
    if (split.name.starts_with(kAufsMetadata) && split.name != kOpaque) return Ok();
    const int parent = TRY_CTX(tree_.Directory(split.parent), Where(entry));
    if (split.name == kOpaque) return tree_.MakeOpaque(split.parent);
    const std::string hidden = split.name.substr(kWhiteout.size());
    if (hidden == "." || hidden == "..")
      return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' hides a directory it is in");
    struct stat info {};
    if (::fstatat(parent, hidden.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      // Whiteouts are about lower layers, wherever they stand: what this layer brings stays.
      const std::string path = split.parent.empty() ? hidden : split.parent + "/" + hidden;
      return S_ISDIR(info.st_mode) ? tree_.MakeOpaque(path) : Ok();
    }
    if (::mknodat(parent, hidden.c_str(), S_IFCHR, 0) < 0)
      return Error::Errno(errno, Where(entry) + ": make a whiteout");
    return Ok();
  }

  Status PlaceFile(const TarEntry& entry, int parent, const std::string& name) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    auto opened = os::OpenAt({parent}, name, kFlags, 0600);
    if (!opened.ok() && opened.error().errnum() == EEXIST) {
      TRY_CTX(tree_.Remove(parent, name), Where(entry));
      opened = os::OpenAt({parent}, name, kFlags, 0600);
    }
    const os::UniqueFd file = TRY_CTX(std::move(opened), Where(entry));
    TRY(WriteContent(file.get(), entry));
    TRY(SetOwnerAndMode(file.get(), entry, options_.user_xattrs));
    return SetTime(file.get(), entry);
  }

  Status WriteContent(int file, const TarEntry& entry) {
    std::uint64_t end = 0;
    while (true) {
      const codec::TarReader::Chunk chunk = TRY(reader_.Read());
      if (chunk.bytes.empty()) break;
      TRY(WriteAt(file, chunk, entry));
      end = chunk.offset + chunk.bytes.size();
      out_.bytes += chunk.bytes.size();
    }
    // A hole at the end of a sparse file.
    if (end < entry.size && ::ftruncate(file, static_cast<off_t>(entry.size)) < 0)
      return Error::Errno(errno, Where(entry) + ": make it " + std::to_string(entry.size) + " bytes long");
    return Ok();
  }

  Status WriteAt(int file, const codec::TarReader::Chunk& chunk, const TarEntry& entry) {
    std::size_t done = 0;
    while (done < chunk.bytes.size()) {
      const ssize_t n = ::pwrite(file, chunk.bytes.data() + done, chunk.bytes.size() - done,
                                 static_cast<off_t>(chunk.offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Error::Errno(n < 0 ? errno : EIO, Where(entry));
      done += static_cast<std::size_t>(n);
    }
    return Ok();
  }

  Status PlaceDirectory(const TarEntry& entry, int parent, const std::string& name, const std::string& path) {
    if (::mkdirat(parent, name.c_str(), 0700) == 0) return FinishDirectory(entry, path);
    if (errno != EEXIST) return Error::Errno(errno, Where(entry));
    struct stat info {};
    if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) return Error::Errno(errno, Where(entry));
    if (S_ISDIR(info.st_mode)) return FinishDirectory(entry, path);
    const bool hides_lower = S_ISCHR(info.st_mode) && info.st_rdev == 0;
    TRY_CTX(tree_.Remove(parent, name), Where(entry));
    if (::mkdirat(parent, name.c_str(), 0700) < 0) return Error::Errno(errno, Where(entry));
    if (hides_lower) TRY_CTX(tree_.MakeOpaque(path), Where(entry));
    return FinishDirectory(entry, path);
  }

  Status FinishDirectory(const TarEntry& entry, const std::string& path) {
    const os::UniqueFd fd = TRY_CTX(
        os::OpenBeneath(tree_.root(), path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), Where(entry));
    TRY(SetOwnerAndMode(fd.get(), entry, options_.user_xattrs));
    tree_.Described(path);
    // What comes into it will change its time again.
    directory_names_ += path.size() + sizeof(timespec);
    if (directory_names_ > kMaxDirectoryNames)
      return Error(Code::kResourceExhausted, "archive has too many directories (at '" + entry.path + "')");
    times_.push_back({path, TimeOf(entry)});
    return Ok();
  }

  Status PlaceSymlink(const TarEntry& entry, int parent, const std::string& name) {
    int made = ::symlinkat(entry.link.c_str(), parent, name.c_str());
    if (made < 0 && errno == EEXIST) {
      TRY_CTX(tree_.Remove(parent, name), Where(entry));
      made = ::symlinkat(entry.link.c_str(), parent, name.c_str());
    }
    if (made < 0) return Error::Errno(errno, Where(entry) + ": make a symbolic link");
    return FinishByName(entry, parent, name, /*set_mode=*/false);
  }

  Status PlaceNode(const TarEntry& entry, int parent, const std::string& name) {
    const bool device = entry.kind != TarKind::kFifo;
    TRY_CTX(tree_.Remove(parent, name), Where(entry));
    const dev_t number = device ? ::makedev(entry.device_major, entry.device_minor) : 0;
    const mode_t type = entry.kind == TarKind::kCharDevice    ? S_IFCHR
                        : entry.kind == TarKind::kBlockDevice ? S_IFBLK
                                                              : S_IFIFO;
    if (::mknodat(parent, name.c_str(), type | 0600, number) < 0) {
      const int err = errno;
      // A user namespace makes no devices; containers get their own /dev.
      if (device && err == EPERM && options_.user_xattrs) return Ok();
      return Error::Errno(err, Where(entry) + ": make a device or fifo");
    }
    return FinishByName(entry, parent, name, /*set_mode=*/true);
  }

  // Owner, mode and time of what cannot be opened.
  Status FinishByName(const TarEntry& entry, int parent, const std::string& name, bool set_mode) {
    if (::fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::Errno(errno, Where(entry) + ": give it to " + std::to_string(entry.uid) + ":" +
                                     std::to_string(entry.gid));
    // Nobody else writes in this tree: the name is still the node just made, no link.
    if (set_mode && ::fchmodat(parent, name.c_str(), entry.mode, 0) < 0)
      return Error::Errno(errno, Where(entry) + ": set its mode");
    const timespec times[2] = {TimeOf(entry), TimeOf(entry)};
    if (::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::Errno(errno, Where(entry) + ": set its time");
    return Ok();
  }

  Status PlaceHardlink(const TarEntry& entry, const std::string& path, const SplitPath& split) {
    const std::string target = TRY_CTX(CleanPath(entry.link), "hard link '" + entry.path + "'");
    if (target == path) return Ok();  // some writers link a file to itself
    if (target.empty())
      return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' is a hard link to a directory");
    const SplitPath to = SplitLast(target);
    const auto holder = tree_.Find(to.parent);
    if (!holder.ok() && holder.error().code() == Code::kNotFound) return RememberLink(path, split, target);
    if (!holder.ok())  // a file or link of this layer stands in the way, or worse
      return Error(Code::kInvalidArgument,
                   "hard link '" + entry.path + "' to '" + entry.link + "': " + holder.error().Message());
    const os::UniqueFd held = TRY(os::Duplicate(*holder));  // Directory() may drop it
    const int parent = TRY_CTX(tree_.Directory(split.parent), Where(entry));
    if (IsWhiteout(held.get(), to.name))
      return Error(Code::kInvalidArgument, "archive entry '" + entry.path + "' is a hard link to '" +
                                               entry.link + "', which is deleted");
    struct stat info {};
    if (::fstatat(held.get(), to.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) return RememberLink(path, split, target);
      return Error::Errno(errno, Where(entry));
    }
    TRY_CTX(tree_.Remove(parent, split.name), Where(entry));
    // Flags 0: a link to a symbolic link is one to the link itself.
    if (::linkat(held.get(), to.name.c_str(), parent, split.name.c_str(), 0) < 0)
      return Error::Errno(errno, "hard link '" + entry.path + "' to '" + entry.link + "'");
    return Ok();
  }

  Status RememberLink(const std::string& path, const SplitPath& split, const std::string& target) {
    const int parent = TRY_CTX(tree_.Directory(split.parent), "hard link '" + path + "'");
    TRY_CTX(tree_.Remove(parent, split.name), "hard link '" + path + "'");  // of two entries the later wins
    if (out_.links.size() >= kMaxOpenLinks)
      return Error(Code::kResourceExhausted,
                   "archive has too many hard links to files of other layers (at '" + path + "')");
    out_.links.push_back({path, target});
    return Ok();
  }

  Status SetDirectoryTimes() {
    for (auto it = times_.rbegin(); it != times_.rend(); ++it) {
      const auto fd =
          os::OpenBeneath(tree_.root(), it->first.empty() ? "." : it->first, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!fd.ok()) continue;  // a later entry replaced it
      const timespec times[2] = {it->second, it->second};
      if (::futimens(fd->get(), times) < 0) return Error::Errno(errno, "set the time of '" + it->first + "'");
    }
    return Ok();
  }

  Tree tree_;
  const UnpackOptions& options_;
  codec::TarReader reader_;
  Unpacked out_;
  std::vector<std::pair<std::string, timespec>> times_;
  std::size_t directory_names_ = 0;
};

}  // namespace

Result<Unpacked> UnpackLayer(os::DirFd root, codec::ByteSource source, const UnpackOptions& options) {
  return Unpacker(root, options, std::move(source)).Run();
}

}  // namespace estiba::image
