#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "image/unpack.h"
#include "os/file.h"
#include "tree.h"

namespace estiba::image {
namespace {

constexpr std::size_t kMaxAttribute = 64U << 10;

// What the merged lower layers show at a path.
struct Found {
  os::UniqueFd fd;  // O_PATH
  struct stat info {};
};
enum class Look : unsigned char { kFound, kAbsent, kHidden };

bool IsOpaque(int directory) {
  // O_PATH descriptors take no f*xattr call; the magic link leads to the very same directory.
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  std::array<char, 2> value{};
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    if (::getxattr(path.c_str(), name, value.data(), value.size()) == 1 && value[0] == 'y') return true;
  }
  return false;
}

// One layer's view. kHidden: this layer hides the path of those below it.
Result<Look> LookIn(int layer, const std::string& path, Found* out) {
  os::UniqueFd here = TRY(os::Duplicate(layer));
  bool opaque = false;
  for (const std::string& name : Split(path, '/')) {
    auto next = os::OpenAt({here.get()}, name, O_PATH | O_NOFOLLOW);
    if (!next.ok()) {
      const int err = next.error().errnum();
      if (err == ENOTDIR) return Look::kHidden;
      if (err != ENOENT) return std::move(next).error();
      return opaque ? Look::kHidden : Look::kAbsent;
    }
    here = std::move(next).value();
    if (::fstat(here.get(), &out->info) < 0) return Error::Errno(errno, "look at '" + path + "'");
    if (S_ISCHR(out->info.st_mode) && out->info.st_rdev == 0) return Look::kHidden;
    opaque = opaque || (S_ISDIR(out->info.st_mode) && IsOpaque(here.get()));
  }
  out->fd = std::move(here);
  return Look::kFound;
}

Result<std::optional<Found>> LookBelow(const std::vector<int>& lowers, const std::string& path) {
  for (const int lower : lowers) {
    Found found;
    const Look look = TRY(LookIn(lower, path, &found));
    if (look == Look::kFound) return std::optional<Found>(std::move(found));
    if (look == Look::kHidden) break;
  }
  return std::optional<Found>();
}

Status CopyAttributes(int from, int to, const std::string& path) {
  std::string names(kMaxAttribute, '\0');
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  if (size < 0) return errno == ENOTSUP ? Ok() : Error::Errno(errno, "list the attributes of '" + path + "'");
  names.resize(static_cast<std::size_t>(size));
  std::string value(kMaxAttribute, '\0');
  for (const std::string& name : Split(names, '\0')) {
    if (name.empty() || name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) continue;
    const ssize_t length = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (length < 0 || ::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(length), 0) < 0)
      return Error::Errno(errno, "copy attribute '" + name + "' of '" + path + "'");
  }
  return Ok();
}

Status CopyMetadata(int from, const struct stat& info, int to, const std::string& path) {
  if (::fchown(to, info.st_uid, info.st_gid) < 0) return Error::Errno(errno, "give '" + path + "' its owner");
  TRY(CopyAttributes(from, to, path));
  if (::fchmod(to, info.st_mode & 07777U) < 0) return Error::Errno(errno, "give '" + path + "' its mode");
  const timespec times[2] = {info.st_atim, info.st_mtim};
  if (::futimens(to, times) < 0) return Error::Errno(errno, "give '" + path + "' its time");
  return Ok();
}

// A readable descriptor of what an O_PATH one of ours stands for.
Result<os::UniqueFd> Reopen(int fd, int flags) {
  return os::OpenAt({AT_FDCWD}, "/proc/self/fd/" + std::to_string(fd), flags);
}

Status SettleDirectory(os::DirFd root, const std::vector<int>& lowers, const std::string& path) {
  const std::optional<Found> found = TRY(LookBelow(lowers, path));
  if (!found) return Ok();
  if (S_ISLNK(found->info.st_mode))
    return Error(Code::kInvalidArgument, "the layer has entries below '" + path +
                                             "', which is a symbolic link in a lower layer; this is not supported");
  if (!S_ISDIR(found->info.st_mode)) return Ok();  // replaced by a directory, as the layer says
  const auto ours = os::OpenBeneath(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!ours.ok()) return Ok();  // a later entry replaced it
  const os::UniqueFd theirs = TRY(Reopen(found->fd.get(), O_RDONLY | O_DIRECTORY));
  return CopyMetadata(theirs.get(), found->info, ours->get(), path);
}

struct Extent {
  off_t begin;
  off_t end;
};

// The next bytes at or after `from` that are no hole; nothing when only a hole follows.
Result<std::optional<Extent>> NextExtent(int file, off_t from, off_t size) {
  if (from >= size) return std::optional<Extent>();
  const off_t begin = ::lseek(file, from, SEEK_DATA);
  if (begin < 0 && errno == ENXIO) return std::optional<Extent>();
  if (begin < 0 && errno == EINVAL) return std::optional<Extent>({from, size});  // it does not know holes
  if (begin < 0) return Error::Errno(errno, "look for holes");
  const off_t end = ::lseek(file, begin, SEEK_HOLE);
  if (end < 0) return Error::Errno(errno, "look for holes");
  return std::optional<Extent>({begin, std::min(end, size)});
}

Status CopyRange(int from, int to, off_t begin, off_t end) {
  off_t in = begin;
  off_t out = begin;
  while (in < end) {
    const ssize_t n = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(end - in), 0);
    if (n < 0 && errno != EINTR) return Error::Errno(errno, "copy");
    if (n == 0) return Error(Code::kDataLoss, "copy: the file has become shorter");
  }
  return Ok();
}

// Holes stay holes: a sparse file may claim any size.
Result<std::uint64_t> CopyContent(int from, off_t size, int to, std::uint64_t max_bytes) {
  std::uint64_t copied = 0;
  std::optional<Extent> extent = TRY(NextExtent(from, 0, size));
  while (extent) {
    const auto length = static_cast<std::uint64_t>(extent->end - extent->begin);
    if (length > max_bytes - copied)
      return Error(Code::kResourceExhausted, "the layer would copy more from those below it than one of its size may");
    TRY(CopyRange(from, to, extent->begin, extent->end));
    copied += length;
    extent = TRY(NextExtent(from, extent->end, size));
  }
  if (::ftruncate(to, size) < 0) return Error::Errno(errno, "make it " + std::to_string(size) + " bytes long");
  return copied;
}

// The file itself, out of a lower layer into `holder`. Answers the bytes copied; 0 when an earlier link brought it.
Result<std::uint64_t> CopyUp(const Found& found, os::DirFd holder, const std::string& name, const std::string& path,
                             std::uint64_t max_bytes) {
  auto copy = os::OpenAt(holder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!copy.ok() && copy.error().errnum() == EEXIST) return std::uint64_t{0};
  if (!copy.ok()) return std::move(copy).error();
  const os::UniqueFd source = TRY(Reopen(found.fd.get(), O_RDONLY));
  const std::uint64_t copied = TRY(CopyContent(source.get(), found.info.st_size, copy->get(), max_bytes));
  TRY(CopyMetadata(source.get(), found.info, copy->get(), path));
  return copied;
}

// Answers the bytes copied.
Result<std::uint64_t> SettleLink(Tree& tree, const std::vector<int>& lowers, const OpenLink& link,
                                 std::uint64_t max_bytes) {
  const std::string context = "hard link '" + link.path + "' to '" + link.target + "'";
  const std::optional<Found> found = TRY_CTX(LookBelow(lowers, link.target), context);
  if (!found || !S_ISREG(found->info.st_mode))
    return Error(Code::kInvalidArgument, context + ": there is no such file in the image");
  const SplitPath to = SplitLast(link.target);
  const SplitPath at = SplitLast(link.path);
  const int found_parent = TRY_CTX(tree.Directory(to.parent), context);
  const os::UniqueFd holder = TRY(os::Duplicate(found_parent));
  const int parent = TRY_CTX(tree.Directory(at.parent), context);
  const std::uint64_t copied = TRY_CTX(CopyUp(*found, {holder.get()}, to.name, link.target, max_bytes), context);
  TRY_CTX(tree.Remove(parent, at.name), context);
  if (::linkat(holder.get(), to.name.c_str(), parent, at.name.c_str(), 0) < 0) return Error::Errno(errno, context);
  return copied;
}

}  // namespace

Result<std::uint64_t> SettleLayer(os::DirFd root, const std::vector<int>& lowers, const Unpacked& unpacked,
                                  const SettleOptions& options) {
  Tree tree(root, options.user_xattrs);
  std::uint64_t copied = 0;
  for (const OpenLink& link : unpacked.links)
    copied += TRY(SettleLink(tree, lowers, link, options.max_bytes - copied));
  for (const std::string& path : unpacked.implied) TRY(SettleDirectory(root, lowers, path));
  for (const std::string& path : tree.implied()) TRY(SettleDirectory(root, lowers, path));
  return copied;
}

}  // namespace estiba::image
