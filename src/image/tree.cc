#include "tree.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "os/file.h"
#include "os/mode.h"
#include "path_lookup.h"

namespace estiba::image {
namespace {

constexpr std::size_t kOpenDirectories = 32;  // sixteen layers at once have 1024 descriptors between them
constexpr std::size_t kMaxImplied = 100'000;
constexpr int kLook = O_PATH | O_DIRECTORY | O_NOFOLLOW;

Error Refused(std::string_view path, const char* why) {
  return Error(Code::kInvalidArgument, "archive entry '" + std::string(path) + "' " + why);
}

}  // namespace

Result<std::string> CleanPath(std::string_view path) {
  if (path.starts_with('/')) return Refused(path, "has an absolute path");
  std::string out;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part == "..") return Refused(path, "leads out of the image by '..'");
    if (!part.empty() && part != ".") {
      if (!out.empty()) out += '/';
      out += part;
    }
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  }
  return out;
}

SplitPath SplitLast(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

bool IsWhiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

bool Tree::IsWhiteout(const struct stat& info) const { return !plain_ && image::IsWhiteout(info); }

int Tree::Remember(const std::string& path, os::UniqueFd fd) {
  if (open_.size() >= kOpenDirectories) open_.clear();
  const int number = fd.get();
  open_[path] = std::move(fd);
  return number;
}

Result<int> Tree::Find(const std::string& path) {
  if (std::exchange(stale_, false)) open_.clear();
  if (path.empty()) return root_.fd;
  const auto known = open_.find(path);
  if (known != open_.end()) return known->second.get();
  auto found = os::OpenBeneath(root_, path, kLook);
  if (!found.ok() && found.error().errnum() == ELOOP && around_.has_value()) found = Follow(path);
  if (found.ok() && around_.has_value() && IsKernels(found->get()))
    return Refused(path, "is in a file system of the kernel's");
  if (found.ok()) return Remember(path, std::move(found).value());
  if (found.error().errnum() == ELOOP) return Refused(path, "passes through a symbolic link");
  return std::move(found).error();
}

Result<os::UniqueFd> Tree::Follow(const std::string& path) const {
  return os::OpenInRoot({around_->root}, around_->path + "/" + path, O_PATH | O_DIRECTORY);
}

Result<int> Tree::Directory(const std::string& path) {
  auto found = Find(path);
  if (found.ok()) return found;
  const int err = found.error().errnum();
  // A missing parent is made, one that is a whiteout replaced; a link gets its exact name from the walk.
  if (err != ENOENT && err != ENOTDIR && found.error().code() != Code::kInvalidArgument) return found;
  return Walk(path);
}

Result<int> Tree::Walk(const std::string& path) {
  os::UniqueFd here;
  int parent = root_.fd;
  std::string walked;
  for (const std::string& name : Split(path, '/')) {
    walked += (walked.empty() ? "" : "/") + name;
    here = TRY(Enter(parent, name, walked));
    if (around_.has_value() && IsKernels(here.get())) return Refused(walked, "is in a file system of the kernel's");
    parent = here.get();
  }
  return Remember(path, std::move(here));
}

Result<os::UniqueFd> Tree::Enter(int parent, const std::string& name, const std::string& path) {
  struct stat info {};
  const bool there = ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there && errno != ENOENT) return Error::Errno(errno, "look at '" + path + "'");
  if (there && S_ISLNK(info.st_mode) && around_.has_value())
    return TRY_CTX(Follow(path), "follow the link '" + path + "'");
  if (there && S_ISLNK(info.st_mode)) return Refused(path, "is a symbolic link that another entry passes through");
  const bool hidden = there && IsWhiteout(info);
  if (there && !S_ISDIR(info.st_mode) && !hidden)
    return Refused(path, "is no directory, but another entry is below it");
  if (hidden) TRY(Remove(parent, name));
  if (!there || hidden) {
    if (::mkdirat(parent, name.c_str(), 0755) < 0) return Error::Errno(errno, "make directory '" + path + "'");
    if (implied_.size() >= kMaxImplied)
      return Error(Code::kResourceExhausted,
                   "archive has too many directories it does not describe (at '" + path + "')");
    implied_.insert(path);
  }
  os::UniqueFd fd = TRY(os::OpenAt({parent}, name, kLook));
  if (!there || hidden) TRY_CTX(os::SetMode(fd.get(), 0755), "make directory '" + path + "'");
  if (hidden) TRY(MakeOpaque(path));
  return fd;
}

Status Tree::Remove(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return Ok();
  if (errno != EISDIR && errno != EPERM) return Error::Errno(errno, "replace '" + name + "'");
  stale_ = true;  // dropped at the next look-up: the caller still holds `parent`
  return os::DeleteTree({parent}, name);
}

Status Tree::MakeOpaque(const std::string& path) {
  const os::UniqueFd fd =
      TRY(os::OpenBeneath(root_, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const char* name = user_xattrs_ ? "user.overlay.opaque" : "trusted.overlay.opaque";
  if (::fsetxattr(fd.get(), name, "y", 1, 0) < 0)
    return Error::Errno(errno, "mark '" + path + "' as opaque (" + name + ")");
  return Ok();
}

}  // namespace estiba::image
