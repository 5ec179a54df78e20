#include "path_lookup.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "os/mount_place.h"
#include "path_names.h"

namespace estiba::image {
namespace {

constexpr int kMostLinks = 255;

constexpr std::array<std::uint64_t, 12> kKernels = {
    PROC_SUPER_MAGIC, SYSFS_MAGIC,      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
    DEBUGFS_MAGIC,    TRACEFS_MAGIC,    SECURITYFS_MAGIC,   BPF_FS_MAGIC,
    EFIVARFS_MAGIC,   NSFS_MAGIC,       DEVPTS_SUPER_MAGIC, 0x62656570};  // the last is configfs's

Error Missing(const PathJob& job) {
  return Error(Code::kNotFound, "Could not find the file " + job.path + " in container " + job.container);
}

// As docker, which passes on what lstat(2) says.
Error Failed(const PathJob& job, const Error& error) {
  if (error.errnum() == ENOENT) return Missing(job);
  return Error::Errno(error.errnum(), "lstat " + job.path);
}

Result<FoundPath> Find(const PathJob& job, int root, int flags) {
  FoundPath found;
  found.path = CleanContainerPath(job.path);
  auto opened = os::OpenInRoot({root}, found.path, O_PATH | flags);
  if (!opened.ok()) return Failed(job, opened.error());
  found.file = std::move(opened).value();
  if (::fstat(found.file.get(), &found.info) < 0) return Failed(job, Error::Errno(errno, ""));
  // The directory it is mounted on is the container's.
  if (IsKernels(found.file.get()) && !os::IsMountRoot(found.file.get())) return Missing(job);
  return found;
}

std::string LinkAt(int file) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(file, "", target.data(), target.size());
  target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return target;
}

}  // namespace

Result<FoundPath> FindPath(const PathJob& job, int root) { return Find(job, root, O_NOFOLLOW); }

Result<FoundPath> FindDirectory(const PathJob& job, int root) {
  FoundPath found = TRY(Find(job, root, 0));
  if (!S_ISDIR(found.info.st_mode)) return Error(Code::kInvalidArgument, "extraction point is not a directory");
  if (IsKernels(found.file.get())) return Missing(job);
  return found;
}

std::string FollowLinks(int root, const std::string& path) {
  std::vector<std::string> done;
  std::deque<std::string> rest;
  for (std::string& part : Split(path, '/')) rest.push_back(std::move(part));
  int links = 0;
  while (!rest.empty()) {
    const std::string part = std::move(rest.front());
    rest.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(part);
    const auto here = os::OpenInRoot({root}, "/" + Join(done, "/"), O_PATH | O_NOFOLLOW);
    if (!here.ok()) continue;
    const std::string target = LinkAt(here->get());
    if (target.empty() || ++links > kMostLinks) continue;
    done.pop_back();
    if (target.starts_with('/')) done.clear();
    std::vector<std::string> parts = Split(target, '/');
    rest.insert(rest.begin(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  }
  return "/" + Join(done, "/");
}

bool IsKernels(int fd) {
  struct statfs info {};
  if (::fstatfs(fd, &info) < 0) return true;
  return std::ranges::find(kKernels, static_cast<std::uint64_t>(info.f_type)) != kKernels.end();
}

}  // namespace estiba::image
