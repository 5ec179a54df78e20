#include "tree_archive.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "os/attributes.h"
#include "os/file.h"
#include "path_lookup.h"
#include "tree.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;

constexpr std::size_t kRead = 1U << 20;
constexpr std::string_view kWhiteout = ".wh.";
constexpr const char* kCapability = "security.capability";

// Of this host, not of the file: labels and measurements that mean nothing elsewhere.
bool IsHostAttribute(std::string_view name) {
  return name == "security.selinux" || name == "security.ima" || name == "security.evm" || name == "system.nfs4_acl";
}

std::string MagicPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Status CheckOverlayAttribute(std::string_view name, const std::string& path, bool user_xattrs) {
  const std::string_view prefix = user_xattrs ? "user.overlay." : "trusted.overlay.";
  if (!name.starts_with(prefix)) return Ok();
  const std::string_view what = name.substr(prefix.size());
  if (what != "metacopy" && what != "redirect") return Ok();
  return Error(Code::kFailedPrecondition, "'" + path + "' has the overlayfs attribute '" + std::string(name) +
                                              "': its content is elsewhere")
      .Hint("mount containers' roots without metacopy and redirect_dir (/sys/module/overlay/parameters)");
}

Result<std::string> TargetOf(int link, const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
  if (size < 0) return Error::Errno(errno, "read symbolic link '" + path + "'");
  target.resize(static_cast<std::size_t>(size));
  return target;
}

TarKind NodeKind(mode_t mode) {
  if (S_ISCHR(mode)) return TarKind::kCharDevice;
  return S_ISBLK(mode) ? TarKind::kBlockDevice : TarKind::kFifo;
}

TarEntry Marker(std::string path) {
  TarEntry entry;
  entry.path = std::move(path);
  return entry;
}

}  // namespace

bool IsLayerAttribute(std::string_view name) { return !IsHostAttribute(name) && !os::IsOverlayAttribute(name); }

TreeArchive::TreeArchive(codec::ByteSink sink, const ArchiveOptions& options)
    : writer_(std::move(sink)), options_(options), buffer_(kRead, '\0') {}

TarEntry TreeArchive::Describe(const struct stat& info, std::string path) const {
  TarEntry entry;
  entry.path = std::move(path);
  entry.mode = info.st_mode & 07777U;
  entry.uid = options_.uids == nullptr ? info.st_uid : ToContainer(*options_.uids, info.st_uid);
  entry.gid = options_.gids == nullptr ? info.st_gid : ToContainer(*options_.gids, info.st_gid);
  entry.mtime_s = info.st_mtim.tv_sec;
  entry.mtime_ns = info.st_mtim.tv_nsec;
  return entry;
}

Status TreeArchive::ReadAttributes(int file, TarEntry& entry) const {
  if (options_.capabilities_only) {
    auto value = TRY_CTX(os::ReadAttribute(file, kCapability), "'" + entry.path + "'");
    if (value.has_value()) entry.xattrs.emplace_back(kCapability, std::move(*value));
    return Ok();
  }
  os::Attributes attributes = TRY_CTX(os::ReadAttributes(file), "'" + entry.path + "'");
  for (auto& [name, value] : attributes) {
    if (IsHostAttribute(name)) continue;
    if (!options_.plain) TRY(CheckOverlayAttribute(name, entry.path, options_.user_xattrs));
    if (!options_.plain && os::IsOverlayAttribute(name)) continue;
    if (name.find('=') != std::string::npos)
      return Error(Code::kInvalidArgument, "'" + entry.path + "' has an attribute '" + name +
                                               "': tar archives cannot hold a name with '='");
    entry.xattrs.emplace_back(std::move(name), std::move(value));
  }
  return Ok();
}

bool TreeArchive::IsLink(const struct stat& info, TarEntry& entry) {
  if (info.st_nlink < 2) return false;
  const std::pair key{info.st_dev, info.st_ino};
  const auto known = links_.find(key);
  if (known == links_.end()) {
    links_.emplace(key, Link{entry.path, info.st_nlink - 1});
    return false;
  }
  entry.kind = TarKind::kHardlink;
  entry.link = known->second.path;
  if (--known->second.left == 0) links_.erase(known);
  return true;
}

Status TreeArchive::CheckName(const std::string& path) const {
  if (!options_.layer || !("/" + path).contains("/" + std::string(kWhiteout))) return Ok();
  return Error(Code::kInvalidArgument, "'" + path + "' cannot be in an image: layers mark deleted files by '.wh.'")
      .Hint("rename or delete the file");
}

Status TreeArchive::Add(int directory, const OverlayEntry& found, const std::string& path) {
  const auto opened = os::OpenAt({directory}, found.name, O_PATH | O_NOFOLLOW);
  if (!opened.ok() && opened.error().errnum() == ENOENT) return Ok();
  if (!opened.ok()) return opened.error().Clone();
  return AddOpen(opened->get(), path);
}

Status TreeArchive::AddOpen(int file, const std::string& path) {
  TRY(CheckName(path));
  struct stat info {};  // of what is open: the name may stand for something else by now
  if (::fstat(file, &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
  if (S_ISSOCK(info.st_mode)) {
    log::Info("left out of the archive: a socket", {{"path", path}});
    return Ok();
  }
  if (S_ISDIR(info.st_mode)) return AddDirectory(file, path + "/");
  TarEntry entry = Describe(info, path);
  if (IsLink(info, entry)) return writer_.Add(entry);
  TRY(ReadAttributes(file, entry));
  if (S_ISREG(info.st_mode)) {
    entry.size = static_cast<std::uint64_t>(info.st_size);
    return AddFile(file, std::move(entry));
  }
  entry.kind = S_ISLNK(info.st_mode) ? TarKind::kSymlink : NodeKind(info.st_mode);
  if (S_ISLNK(info.st_mode)) entry.link = TRY(TargetOf(file, path));
  if (entry.kind == TarKind::kCharDevice || entry.kind == TarKind::kBlockDevice) {
    entry.device_major = major(info.st_rdev);
    entry.device_minor = minor(info.st_rdev);
  }
  return writer_.Add(entry);
}

Status TreeArchive::AddDirectory(int directory, const std::string& path) {
  TRY(CheckName(path));
  struct stat info {};
  if (::fstat(directory, &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
  TarEntry entry = Describe(info, path);
  entry.kind = TarKind::kDirectory;
  TRY(ReadAttributes(directory, entry));
  return writer_.Add(entry);
}

Status TreeArchive::AddFile(int file, TarEntry entry) {
  // The O_PATH descriptor is a regular file's: opening it has no side effect, as a device's would.
  const os::UniqueFd content = TRY_CTX(os::OpenAt({AT_FDCWD}, MagicPath(file), O_RDONLY), "'" + entry.path + "'");
  TRY(writer_.Add(entry));
  std::uint64_t left = entry.size;
  while (left > 0) {
    const ssize_t n =
        ::read(content.get(), buffer_.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer_.size())));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read '" + entry.path + "'");
    if (n == 0) break;
    TRY(writer_.Write(std::string_view(buffer_).substr(0, static_cast<std::size_t>(n))));
    left -= static_cast<std::uint64_t>(n);
  }
  if (left == 0) return Ok();
  log::Warn("a file became shorter while it was archived; filled up with zeros", {{"path", entry.path}});
  std::ranges::fill(buffer_, '\0');
  while (left > 0) {
    const std::uint64_t piece = std::min<std::uint64_t>(left, buffer_.size());
    TRY(writer_.Write(std::string_view(buffer_).substr(0, static_cast<std::size_t>(piece))));
    left -= piece;
  }
  return Ok();
}

Status TreeArchive::AddWhiteout(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  return writer_.Add(Marker(path.substr(0, name) + std::string(kWhiteout) + path.substr(name)));
}

Status TreeArchive::AddOpaque(const std::string& path) {
  return writer_.Add(Marker((path.empty() ? "" : path + "/") + ".wh..wh..opq"));
}

}  // namespace estiba::image
