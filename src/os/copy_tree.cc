#include "os/copy_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/attributes.h"
#include "os/copy_bytes.h"
#include "os/file.h"
#include "os/mode.h"

namespace estiba::os {
namespace {

constexpr int kDeepest = 1024;

Error Fail(int err, const std::string& name) { return Error::Errno(err, "copy '" + name + "'"); }

// An O_PATH descriptor takes no f*xattr call, and a link has no other.
std::string Magic(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Status CopyAttributes(int from, int to, const std::string& name, bool layer) {
  const Attributes attributes = TRY_CTX(ReadAttributes(from), "copy '" + name + "'");
  for (const auto& [key, value] : attributes) {
    if (layer && IsOverlayAttribute(key)) continue;
    if (::setxattr(Magic(to).c_str(), key.c_str(), value.data(), value.size(), 0) == 0) continue;
    const int err = errno;
    // Of a security module that is not here, or of a file system that knows it alone.
    if (err == ENOTSUP || (err == EPERM && key.starts_with("security."))) continue;
    return Fail(err, name + "' (attribute '" + key + "')");
  }
  return Ok();
}

// Owner before mode and attributes: chown(2) clears set-id bits and capabilities. Times last: the others change them.
Status CopyMetadata(int from, int to, const struct stat& st, const std::string& name, bool layer) {
  if (::fchown(to, st.st_uid, st.st_gid) != 0) return Fail(errno, name);
  if (::fchmod(to, st.st_mode & 07777U) != 0) return Fail(errno, name);
  TRY(CopyAttributes(from, to, name, layer));
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (::futimens(to, times) != 0) return Fail(errno, name);
  return Ok();
}

// A directory that is upon another has its own attributes alone.
Status ClearAttributes(int directory, const std::string& name) {
  const Attributes attributes = TRY_CTX(ReadAttributes(directory), "copy '" + name + "'");
  for (const auto& [key, value] : attributes) {
    if (key.starts_with("security.")) continue;
    if (::fremovexattr(directory, key.c_str()) != 0 && errno != ENODATA) return Fail(errno, name);
  }
  return Ok();
}

// Holes stay holes.
Status CopyContent(int from, int to, off_t size, const std::string& name) {
  if (::ioctl(to, FICLONE, from) == 0) return Ok();
  if (::ftruncate(to, size) != 0) return Fail(errno, name);
  for (off_t at = 0; at < size;) {
    off_t start = ::lseek(from, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO) return Ok();  // a hole up to the end
    if (start < 0) start = at;
    off_t end = ::lseek(from, start, SEEK_HOLE);
    if (end < 0 || end > size) end = size;
    if (end <= start) return Ok();
    if (::lseek(from, start, SEEK_SET) < 0 || ::lseek(to, start, SEEK_SET) < 0) return Fail(errno, name);
    TRY_CTX(os::CopyBytes(from, to, static_cast<std::uint64_t>(end - start)), "copy '" + name + "'");
    at = end;
  }
  return Ok();
}

class Copier {
 public:
  Copier(int root, bool layer) : root_(root), layer_(layer) {}

  Status Directory(int from, int to, int depth) {
    const std::vector<std::string> names = TRY(ListDirectory({from}, "."));
    for (const std::string& name : names) {
      const std::size_t length = path_.size();
      path_ += (length == 0 ? "" : "/") + name;
      TRY(Entry(from, to, name, depth));
      path_.resize(length);
    }
    return Ok();
  }

 private:
  struct Copied {
    std::string path;         // in the copy
    std::uint64_t left = 0;   // names that have not come yet
  };

  Status Entry(int from, int to, const std::string& name, int depth) {
    auto file = OpenAt({from}, name, O_PATH | O_NOFOLLOW);
    if (!file.ok()) return file.error().errnum() == ENOENT ? Ok() : Status(std::move(file).error());
    struct stat st {};
    if (::fstat(file->get(), &st) != 0) return Fail(errno, name);
    const bool whiteout = S_ISCHR(st.st_mode) && st.st_rdev == 0;
    if (layer_ && !S_ISDIR(st.st_mode)) TRY(DeleteTree({to}, name));
    if (layer_ && whiteout) return Ok();
    if (S_ISDIR(st.st_mode)) return Subdirectory(file->get(), to, name, st, depth);
    const bool linked = st.st_nlink > 1 && TRY(Link(to, name, st));
    if (linked) return Ok();
    Remember(st);
    if (S_ISREG(st.st_mode)) return File(file->get(), to, name, st);
    return Other(file->get(), to, name, st);
  }

  Status Subdirectory(int file, int to, const std::string& name, const struct stat& st, int depth) {
    if (depth >= kDeepest) return Error(Code::kResourceExhausted, "copy '" + name + "': nested too deep");
    const UniqueFd source = TRY(OpenAt({file}, ".", O_RDONLY | O_DIRECTORY));
    const bool there = layer_ && TRY(MakeWay(source.get(), to, name));
    if (!there && ::mkdirat(to, name.c_str(), 0700) != 0) return Fail(errno, name);
    const UniqueFd target = TRY(OpenAt({to}, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(Directory(source.get(), target.get(), depth + 1));
    if (there) TRY(ClearAttributes(target.get(), name));
    return CopyMetadata(source.get(), target.get(), st, name, layer_);
  }

  // True when a directory of that name stays, for what is in `source` to come upon what is in it.
  Result<bool> MakeWay(int source, int to, const std::string& name) {
    struct stat st {};
    const bool found = ::fstatat(to, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (found && S_ISDIR(st.st_mode) && OverlayMark(source) != 'y') return true;
    TRY(DeleteTree({to}, name));
    return false;
  }

  Status File(int file, int to, const std::string& name, const struct stat& st) {
    // The file that was looked at, whatever its name is now.
    const UniqueFd source = TRY(OpenAt({AT_FDCWD}, Magic(file), O_RDONLY | O_NONBLOCK));
    const UniqueFd target = TRY(OpenAt({to}, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(CopyContent(source.get(), target.get(), st.st_size, name));
    return CopyMetadata(source.get(), target.get(), st, name, layer_);
  }

  Status Other(int file, int to, const std::string& name, const struct stat& st) {
    if (S_ISLNK(st.st_mode)) {
      std::string content(PATH_MAX, '\0');
      const ssize_t size = ::readlinkat(file, "", content.data(), content.size());
      if (size < 0) return Fail(errno, name);
      content.resize(static_cast<std::size_t>(size));
      if (::symlinkat(content.c_str(), to, name.c_str()) != 0) return Fail(errno, name);
    } else if (::mknodat(to, name.c_str(), st.st_mode & ~mode_t{07777}, st.st_rdev) != 0) {
      return Fail(errno, name);
    }
    if (::fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return Fail(errno, name);
    if (!S_ISLNK(st.st_mode)) TRY_CTX(SetModeOf({to}, name, st.st_mode & 07777U), "copy '" + name + "'");
    const UniqueFd made = TRY(OpenAt({to}, name, O_PATH | O_NOFOLLOW));
    TRY(CopyAttributes(file, made.get(), name, layer_));
    const timespec times[2] = {st.st_atim, st.st_mtim};
    if (::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return Fail(errno, name);
    return Ok();
  }

  // True when the file was copied under another of its names, of which this is one now.
  Result<bool> Link(int to, const std::string& name, const struct stat& st) {
    const auto found = copied_.find({st.st_dev, st.st_ino});
    if (found == copied_.end()) return false;
    if (::linkat(root_, found->second.path.c_str(), to, name.c_str(), 0) != 0) {
      // Deeper than a path may be, or more names than this file system allows: a file of its own.
      if (errno == ENAMETOOLONG || errno == EMLINK) return false;
      return Fail(errno, name);
    }
    if (--found->second.left == 0) copied_.erase(found);
    return true;
  }

  void Remember(const struct stat& st) {
    if (st.st_nlink > 1) copied_.insert_or_assign({st.st_dev, st.st_ino}, Copied{path_, st.st_nlink - 1});
  }

  int root_;
  bool layer_;  // in overlayfs's form
  std::string path_;  // of what is being copied
  std::map<std::pair<dev_t, ino_t>, Copied> copied_;
};

Status Copy(int from, int to, bool layer) {
  struct stat st {};
  if (::fstat(from, &st) != 0) return Fail(errno, ".");
  TRY(Copier(to, layer).Directory(from, to, 0));
  if (layer) TRY(ClearAttributes(to, "."));
  return CopyMetadata(from, to, st, ".", layer);
}

}  // namespace

Status CopyTree(DirFd from, DirFd to) { return Copy(from.fd, to.fd, /*layer=*/false); }

Status CopyLayer(DirFd from, DirFd to) { return Copy(from.fd, to.fd, /*layer=*/true); }

}  // namespace estiba::os
