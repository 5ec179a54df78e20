#include "os/file.h"

#include <cerrno>
#include <climits>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>

namespace estiba::os {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using UniqueDir = std::unique_ptr<DIR, CloseDir>;

Result<UniqueDir> OpenDirectory(UniqueFd fd) {
  DIR* dir = ::fdopendir(fd.get());
  if (const int err = errno; dir == nullptr) return Error::Errno(err, "list a directory");
  [[maybe_unused]] const int owned_by_dir = fd.Release();
  return UniqueDir(dir);
}

Result<std::vector<std::string>> Names(UniqueFd fd) {
  const UniqueDir dir = TRY(OpenDirectory(std::move(fd)));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());  // NOLINT(concurrency-mt-unsafe): this stream is ours alone
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Error::Errno(errno, "list a directory");
  return names;
}

std::string TemporaryName(const std::string& path) {
  static std::atomic<unsigned> next{0};
  const auto slash = path.rfind('/');
  const std::size_t at = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, at) + "." + path.substr(at) + "." + std::to_string(::getpid()) + "." +
         std::to_string(next++);
}

// Removes the contents of the directory `name` without recursion: a stack of open directories, so that no path is
// walked twice. Containers and archives nest as deep as they like: what lies deeper than the stack may grow is first
// moved up into `name` itself.
constexpr std::size_t kMaxLevels = 64;

struct Level {
  UniqueFd fd;
  std::string name;
  std::vector<std::string> left;
};

Result<Level> Descend(DirFd parent, const std::string& name) {
  UniqueFd fd = TRY(OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  UniqueFd listed = TRY(Duplicate(fd.get()));
  auto names = TRY(Names(std::move(listed)));
  return Level{std::move(fd), name, std::move(names)};
}

// Moves a directory from the last level to the first, under a name that is free there.
Status MoveUp(std::vector<Level>& stack, const std::string& name, unsigned* next) {
  for (;;) {
    const std::string free = ".deep." + std::to_string((*next)++);
    if (::syscall(SYS_renameat2, stack.back().fd.get(), name.c_str(), stack.front().fd.get(), free.c_str(),
                  RENAME_NOREPLACE) == 0) {
      stack.front().left.push_back(free);
      return Ok();
    }
    if (errno != EEXIST) return Error::Errno(errno, "move '" + name + "' up to remove it");
  }
}

Status EmptyTree(DirFd dir, const std::string& name) {
  unsigned moved = 0;
  std::vector<Level> stack;
  stack.push_back(TRY(Descend(dir, name)));
  while (!stack.empty()) {
    Level& level = stack.back();
    if (level.left.empty()) {
      const std::string done = std::move(level.name);
      stack.pop_back();
      const DirFd parent = stack.empty() ? dir : DirFd{stack.back().fd.get()};
      if (::unlinkat(parent.fd, done.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
        return Error::Errno(errno, "remove directory '" + done + "'");
      continue;
    }
    std::string next = std::move(level.left.back());
    level.left.pop_back();
    if (::unlinkat(level.fd.get(), next.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) return Error::Errno(errno, "remove '" + next + "'");
    if (stack.size() == kMaxLevels) {
      TRY(MoveUp(stack, next, &moved));
    } else {
      stack.push_back(TRY(Descend({level.fd.get()}, next)));
    }
  }
  return Ok();
}

}  // namespace

Result<std::string> ReadAll(int fd, std::size_t limit) {
  std::string bytes;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read");
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(n) > limit)
      return Error(Code::kOutOfRange, "more than " + std::to_string(limit) + " bytes to read");
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<std::string> ReadFileAt(DirFd dir, const std::string& path, std::size_t limit) {
  const UniqueFd file = TRY(OpenAt(dir, path, O_RDONLY));
  return TRY_CTX(ReadAll(file.get(), limit), "'" + path + "'");
}

Result<std::string> ReadFile(const std::string& path, std::size_t limit) {
  return ReadFileAt({AT_FDCWD}, path, limit);
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Ok();
}

Status WriteExisting(DirFd dir, const std::string& path, std::string_view bytes) {
  const UniqueFd file = TRY(OpenAt(dir, path, O_WRONLY));
  const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
  if (const int err = errno; n < 0)
    return Error::Errno(err, "write '" + std::string(bytes) + "' to '" + path + "'");
  if (static_cast<std::size_t>(n) != bytes.size())
    return Error(Code::kInternal, "write to '" + path + "': only " + std::to_string(n) + " bytes taken");
  return Ok();
}

Status ReplaceFile(DirFd dir, const std::string& path, std::string_view bytes, unsigned mode, bool durable) {
  const std::string temporary = TemporaryName(path);
  const UniqueFd file = TRY(OpenAt(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  Status written = WriteAll(file.get(), bytes);
  if (written.ok() && durable && ::fsync(file.get()) < 0) written = Error::Errno(errno, "sync");
  if (written.ok() && ::renameat(dir.fd, temporary.c_str(), dir.fd, path.c_str()) < 0)
    written = Error::Errno(errno, "rename");
  if (!written.ok()) {
    ::unlinkat(dir.fd, temporary.c_str(), 0);
    return std::move(written).error().Context("replace '" + path + "'");
  }
  return Ok();
}

Status EnsureDirectory(const std::string& path, unsigned mode) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string prefix = path.substr(0, at);
    if (::mkdir(prefix.c_str(), mode) < 0 && errno != EEXIST)
      return Error::Errno(errno, "make directory '" + prefix + "'");
    if (at == std::string::npos) return Ok();
  }
}

Result<UniqueFd> EnsureDirectoryAt(DirFd dir, const std::string& name, unsigned mode) {
  if (::mkdirat(dir.fd, name.c_str(), mode) < 0 && errno != EEXIST)
    return Error::Errno(errno, "make directory '" + name + "'");
  return OpenAt(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

Result<std::vector<std::string>> ListDirectory(DirFd dir, const std::string& path) {
  UniqueFd fd = TRY(OpenAt(dir, path, O_RDONLY | O_DIRECTORY));
  return TRY_CTX(Names(std::move(fd)), "'" + path + "'");
}

Status DeleteTree(DirFd dir, const std::string& name) {
  if (::unlinkat(dir.fd, name.c_str(), 0) == 0 || errno == ENOENT) return Ok();
  if (errno != EISDIR && errno != EPERM) return Error::Errno(errno, "remove '" + name + "'");
  return TRY_CTX(EmptyTree(dir, name), "remove '" + name + "'");
}

Status DeleteFile(DirFd dir, const std::string& name) {
  if (::unlinkat(dir.fd, name.c_str(), 0) < 0 && errno != ENOENT)
    return Error::Errno(errno, "remove '" + name + "'");
  return Ok();
}

Result<std::string> ReadLink(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  if (const int err = errno; n < 0) return Error::Errno(err, "read link '" + path + "'");
  return std::string(target.data(), static_cast<std::size_t>(n));
}

Result<std::string> PathOf(int fd) { return ReadLink("/proc/self/fd/" + std::to_string(fd)); }

Result<std::string> ProgramDirectory() {
  const std::string path = TRY_CTX(ReadLink("/proc/self/exe"), "find this program's folder");
  return path.substr(0, path.rfind('/'));
}

}  // namespace estiba::os
