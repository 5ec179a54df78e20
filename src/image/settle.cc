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

Status CopyContent(int from, int to, const std::string& path) {
  while (true) {
    const ssize_t n = ::copy_file_range(from, nullptr, to, nullptr, 1U << 30, 0);
    if (n == 0) return Ok();
    if (n < 0 && errno != EINTR) return Error::Errno(errno, "copy '" + path + "' from a lower layer");
  }
}

Status SettleLink(Tree& tree, const std::vector<int>& lowers, const OpenLink& link) {
  const std::string context = "hard link '" + link.path + "' to '" + link.target + "'";
  const std::optional<Found> found = TRY_CTX(LookBelow(lowers, link.target), context);
  if (!found || !S_ISREG(found->info.st_mode))
    return Error(Code::kInvalidArgument, context + ": there is no such file in the image");
  const SplitPath to = SplitLast(link.target);
  const SplitPath at = SplitLast(link.path);
  const int found_parent = TRY_CTX(tree.Directory(to.parent), context);
  const os::UniqueFd holder = TRY(os::Duplicate(found_parent));
  const int parent = TRY_CTX(tree.Directory(at.parent), context);
  auto copy = os::OpenAt({holder.get()}, to.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (copy.ok()) {
    const os::UniqueFd source = TRY_CTX(Reopen(found->fd.get(), O_RDONLY), context);
    TRY_CTX(CopyContent(source.get(), copy->get(), link.target), context);
    TRY_CTX(CopyMetadata(source.get(), found->info, copy->get(), link.target), context);
  } else if (copy.error().errnum() != EEXIST) {  // several links to one file
    return std::move(copy).error().Context(context);
  }
  TRY_CTX(tree.Remove(parent, at.name), context);
  if (::linkat(holder.get(), to.name.c_str(), parent, at.name.c_str(), 0) < 0) return Error::Errno(errno, context);
  return Ok();
}

}  // namespace

Status SettleLayer(os::DirFd root, const std::vector<int>& lowers, const Unpacked& unpacked, bool user_xattrs) {
  Tree tree(root, user_xattrs);
  for (const OpenLink& link : unpacked.links) TRY(SettleLink(tree, lowers, link));
  for (const std::string& path : unpacked.implied) TRY(SettleDirectory(root, lowers, path));
  for (const std::string& path : tree.implied()) TRY(SettleDirectory(root, lowers, path));
  return Ok();
}

}  // namespace estiba::image
