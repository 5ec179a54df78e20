// What the image has in a directory becomes the first content of the empty volume mounted over it.

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/copy_bytes.h"
#include "os/file.h"
#include "os/fsids.h"
#include "session.h"

namespace estiba::runtime {
namespace {

constexpr int kDeepest = 128;

Status Fail(const std::string& name) {
  const int err = errno;
  return Error::Errno(err, "copy '" + name + "'");
}

// Owner before mode: chown(2) clears set-id bits.
Status CopyMetadata(int fd, const struct stat& st, const std::string& name) {
  if (::fchown(fd, st.st_uid, st.st_gid) != 0) return Fail(name);
  if (::fchmod(fd, st.st_mode & 07777) != 0) return Fail(name);
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (::futimens(fd, times) != 0) return Fail(name);
  return Ok();
}

Status CopyFile(int from, int to, const std::string& name, const struct stat& st) {
  const os::UniqueFd source = TRY(os::OpenAt({from}, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  const os::UniqueFd target = TRY(os::OpenAt({to}, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY_CTX(os::CopyBytes(source.get(), target.get()), "copy '" + name + "'");
  return CopyMetadata(target.get(), st, name);
}

Status CopyLink(int from, int to, const std::string& name, const struct stat& st) {
  char content[PATH_MAX + 1];
  const ssize_t size = ::readlinkat(from, name.c_str(), content, PATH_MAX);
  if (size < 0) return Fail(name);
  content[size] = '\0';
  if (::symlinkat(content, to, name.c_str()) != 0) return Fail(name);
  if (::fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return Fail(name);
  return Ok();
}

Status CopyDirectory(int from, int to, int depth);

Status CopyEntry(int from, int to, const std::string& name, int depth) {
  struct stat st {};
  if (::fstatat(from, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return Fail(name);
  if (S_ISREG(st.st_mode)) return CopyFile(from, to, name, st);
  if (S_ISLNK(st.st_mode)) return CopyLink(from, to, name, st);
  if (!S_ISDIR(st.st_mode)) {
    if (::mknodat(to, name.c_str(), st.st_mode, st.st_rdev) != 0) return Fail(name);
    if (::fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0) return Fail(name);
    return Ok();
  }
  if (depth >= kDeepest) return Error(Code::kResourceExhausted, "copy '" + name + "': nested too deep");
  if (::mkdirat(to, name.c_str(), 0700) != 0) return Fail(name);
  const os::UniqueFd source = TRY(os::OpenAt({from}, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const os::UniqueFd target = TRY(os::OpenAt({to}, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(CopyDirectory(source.get(), target.get(), depth + 1));
  return CopyMetadata(target.get(), st, name);
}

Status CopyDirectory(int from, int to, int depth) {
  const std::vector<std::string> names = TRY(os::ListDirectory({from}, "."));
  for (const std::string& name : names) TRY(CopyEntry(from, to, name, depth));
  return Ok();
}

}  // namespace

Status CopyUp(Session& session, const plan::Step& step) {
  const std::string context = "volume '" + step.text.at(1) + "'";
  const int mount = session.In(step, 1);
  // Through an id-mapped mount only who is mapped may write.
  std::optional<os::FileIds> owner;
  if (step.numbers.size() > 2 && step.numbers[0] != 0)
    owner.emplace(TRY(os::FileIds::Assume(static_cast<uid_t>(step.numbers[1]), static_cast<gid_t>(step.numbers[2]))));
  auto volume = mount >= 0 ? os::OpenAt({mount}, ".", O_RDONLY | O_DIRECTORY)
                           : os::OpenAt({AT_FDCWD}, step.text[1], O_RDONLY | O_DIRECTORY);
  if (!volume.ok()) return std::move(volume).error().Context(context);
  const std::vector<std::string> present = TRY_CTX(os::ListDirectory({volume->get()}, "."), context);
  if (!present.empty()) return Ok();  // only an empty volume takes the image's content
  auto source = os::OpenInRoot({session.In(step)}, step.text.at(0), O_RDONLY | O_DIRECTORY);
  if (!source.ok()) {
    const int err = source.error().errnum();
    if (err == ENOENT || err == ENOTDIR || err == ELOOP) return Ok();  // nothing there to copy
    return std::move(source).error();
  }
  struct stat st {};
  if (::fstat(source->get(), &st) != 0) return Fail(step.text[0]);
  TRY_CTX(CopyDirectory(source->get(), volume->get(), 0), context);
  return TRY_CTX(CopyMetadata(volume->get(), st, step.text[0]), context);
}

}  // namespace estiba::runtime
