// Mount sources, opened by the parent, which may walk to them; the child only attaches them.

#include <cerrno>

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "attached.h"
#include "clone_into.h"
#include "os/mount.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Step;

// "/proc/PID/root/…": another container's file, by its own root, whatever links it has put there, and by its own mount
// namespace, which only a caller inside may clone from.
Result<os::DetachedMount> CloneForeignTree(const std::string& process, const std::string& path, bool recursive) {
  const std::string what = "mount source '" + process + "/root" + path + "'";
  const auto root = TRY_CTX(os::OpenAt({AT_FDCWD}, process + "/root", O_PATH | O_DIRECTORY), what);
  const auto source = TRY_CTX(os::OpenInRoot({root.get()}, path, O_PATH), what);
  auto tree = os::CloneTree({source.get()}, "", recursive);
  if (tree.ok() || tree.error().errnum() != EINVAL) return tree;
  const auto space = TRY_CTX(os::OpenAt({AT_FDCWD}, process + "/ns/mnt", O_RDONLY), what);
  return os::DetachedMount(TRY_CTX(CloneTreeOf(space.get(), source.get(), recursive), what));
}

Result<os::DetachedMount> CloneSource(const std::string& path, bool recursive) {
  const std::size_t end = path.find_first_not_of("0123456789", 6);
  const bool foreign = path.starts_with("/proc/") && end != std::string::npos && end > 6 &&
                       std::string_view(path).substr(end).starts_with("/root/");
  if (foreign) return CloneForeignTree(path.substr(0, end), path.substr(end + 5), recursive);
  return os::CloneTree({AT_FDCWD}, path, recursive);
}

// Links that a container has put on the way may lead anywhere beneath the source, but not out of it.
Result<os::UniqueFd> OpenSubpath(int source, const std::string& name, const std::string& subpath) {
  const std::string path = name + "/" + subpath;
  auto found = os::OpenWithin({source}, subpath, O_PATH);
  if (found.ok()) return found;
  const int err = found.error().errnum();
  if (err == EXDEV) {
    return Error(Code::kInvalidArgument,
                 "path concatenation escapes the base directory, base: " + name + ", subpath: " + subpath)
        .Hint("a link in it leads out of it");
  }
  return Error::Errno(err, "cannot access path " + path);
}

Result<os::DetachedMount> CloneSubpath(const Step& step, int source, bool recursive) {
  const auto fd = TRY(OpenSubpath(source, step.text.at(0), step.text.at(1)));
  return os::CloneTree({fd.get()}, "", recursive);
}

// From what an earlier step mounted.
Result<os::DetachedMount> TakeMade(const Step& step, int made, bool recursive) {
  if (step.text.size() < 2) return os::DetachedMount(TRY(os::Duplicate(made)));
  os::DetachedMount tree;
  const auto clone = [&]() -> Status {
    tree = TRY(CloneSubpath(step, made, recursive));
    return Ok();
  };
  TRY(WithAttached({made}, clone));
  return tree;
}

Result<os::DetachedMount> OpenSource(const Session& session, const Step& step, bool recursive) {
  if (const int made = session.In(step, 1); made >= 0) return TakeMade(step, made, recursive);
  if (step.text.size() < 2) return CloneSource(step.text.at(0), recursive);
  const auto source = TRY(os::OpenAt({AT_FDCWD}, step.text[0], O_PATH | O_DIRECTORY));
  return CloneSubpath(step, source.get(), recursive);
}

Error IdMapFailure(Error error, const std::string& source) {
  const int err = error.errnum();
  Error failure = std::move(error).Context("id-map mount source '" + source + "'");
  if (err == EINVAL) return std::move(failure).Hint("its file system cannot be id-mapped, or already is");
  if (err == EPERM) return std::move(failure).Hint("that needs CAP_SYS_ADMIN over the file system");
  return failure;
}

}  // namespace

Status OpenRoot(Session& session, const Step& step) {
  auto tree = TRY_CTX(os::CloneTree({AT_FDCWD}, step.text.at(0), /*recursive=*/true), "root filesystem");
  os::MountAttributes attributes;
  attributes.propagation = 1U << 18;  // MS_PRIVATE: what is mounted in it stays ours
  if (auto set = os::SetMountAttributes(tree.fd(), attributes, /*recursive=*/true);
      !set.ok() && set.error().errnum() != ENOSYS) {
    return std::move(set).error();
  }
  session.Fill(step, tree.Release());
  return Ok();
}

Status OpenTree(Session& session, const Step& step) {
  const bool recursive = step.numbers.at(0) != 0;
  auto tree = OpenSource(session, step, recursive);
  if (!tree.ok() && tree.error().errnum() == ENOENT && step.text.size() < 2) {
    return Error(Code::kInvalidArgument, "bind source path does not exist: " + step.text[0]);
  }
  if (!tree.ok()) return std::move(tree).error();
  os::MountAttributes here;
  here.set = step.numbers.at(1);
  here.clear = step.numbers.at(2);
  os::MountAttributes everywhere;
  everywhere.propagation = step.numbers.at(3);
  everywhere.set = step.numbers.at(5);
  everywhere.clear = step.numbers.at(6);
  const bool propagate_everywhere = step.numbers.at(4) != 0;
  if (!propagate_everywhere) {
    here.propagation = everywhere.propagation;
    everywhere.propagation = 0;
  }
  if ((everywhere.set | everywhere.clear | everywhere.propagation) != 0) {
    TRY_CTX(os::SetMountAttributes(tree->fd(), everywhere, /*recursive=*/true), "mount source '" + step.text[0] + "'");
  }
  if ((here.set | here.clear | here.propagation) != 0) {
    TRY_CTX(os::SetMountAttributes(tree->fd(), here, /*recursive=*/false), "mount source '" + step.text[0] + "'");
  }
  if (const std::uint64_t mapped = step.numbers.size() > 7 ? step.numbers[7] : 0; mapped != 0) {
    os::MountAttributes map;
    map.user_namespace = session.In(step);
    auto done = os::SetMountAttributes(tree->fd(), map, /*recursive=*/mapped == 2);
    if (!done.ok()) return IdMapFailure(std::move(done).error(), step.text[0]);
  }
  session.Fill(step, tree->Release());
  return Ok();
}

Status OpenNamespace(Session& session, const Step& step) {
  const std::string& path = step.text.at(0);
  // Not opened before it is known to be one: opening a pipe waits, and opening a device does things.
  auto found = os::OpenAt({AT_FDCWD}, path, O_PATH);
  // Not in ENOENT's words, which are taken for a missing program's.
  if (!found.ok() && found.error().errnum() == ENOENT)
    return Error(Code::kNotFound, "there is no namespace '" + path + "'");
  if (!found.ok()) return std::move(found).error();
  struct statfs system{};
  struct stat file{};
  if (::fstatfs(found->get(), &system) < 0 || ::fstat(found->get(), &file) < 0)
    return Error::Errno(errno, "namespace '" + path + "'");
  if (system.f_type != NSFS_MAGIC) return Error(Code::kInvalidArgument, "'" + path + "' is no namespace");
  auto fd = TRY(os::OpenAt({AT_FDCWD}, "/proc/self/fd/" + std::to_string(found->get()), O_RDONLY));
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (const int err = errno; type < 0) return Error::Errno(err, "namespace '" + path + "'");
  if (static_cast<std::uint64_t>(type) != step.numbers.at(0)) {
    return Error(Code::kInvalidArgument, "namespace '" + path + "' is of another type");
  }
  const std::uint64_t known = step.numbers.size() > 2 ? step.numbers[2] : 0;
  if (known != 0 && file.st_ino != known)
    return Error(Code::kNotFound, "namespace '" + path + "' is not the one that was to be joined");
  session.Fill(step, std::move(fd));
  return Ok();
}

}  // namespace estiba::runtime
