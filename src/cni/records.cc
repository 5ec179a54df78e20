// The folder of records, and its locks.

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cni/record.h"
#include "os/file.h"

namespace estiba::cni {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kEnd = ".json";
constexpr const char* kAll = "all.lock";  // no container's: its name would end in an id

std::string LockName(const std::string& container) { return container + ".lock"; }

// Asks again and again, since a wait for it has no bound of its own. Plugins end within milliseconds.
Status WaitFor(int fd, int how, std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (::flock(fd, how | LOCK_NB) != 0) {
    const int err = errno;
    if (err != EWOULDBLOCK && err != EINTR) return Error::Errno(err, "lock the attachments");
    if (Clock::now() >= deadline) return Error(Code::kUnavailable, "its attachments are being changed, for long now");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Ok();
}

// False when somebody removed the file before we had its lock: another one counts by now.
bool StillThere(os::DirFd folder, const std::string& name, int fd) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd, &held) == 0 && ::fstatat(folder.fd, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace

Result<Records> Records::Open(const std::string& folder) {
  TRY(os::EnsureDirectory(folder, 0700));
  return Records(TRY(os::OpenAt({AT_FDCWD}, folder, O_RDONLY | O_DIRECTORY)));
}

Result<os::UniqueFd> Records::Lock(const std::string& container, std::chrono::milliseconds patience) const {
  const std::string name = LockName(container);
  for (;;) {
    os::UniqueFd fd = TRY(os::OpenAt({folder_.get()}, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    TRY_CTX(WaitFor(fd.get(), LOCK_EX, patience), "container '" + container + "'");
    if (StillThere({folder_.get()}, name, fd.get())) return fd;
  }
}

void Records::Unlock(const std::string& container, os::UniqueFd lock) const {
  const Status gone = os::DeleteFile({folder_.get()}, LockName(container));
  if (!gone.ok()) log::Warn("remove a lock", {{"container", container}, {"error", gone.error().Message()}});
  lock.Reset();
}

Result<os::UniqueFd> Records::LockAll(bool alone, std::chrono::milliseconds patience) const {
  os::UniqueFd fd = TRY(os::OpenAt({folder_.get()}, kAll, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  TRY(WaitFor(fd.get(), alone ? LOCK_EX : LOCK_SH, patience));
  return fd;
}

Result<std::optional<Record>> Records::Read(const std::string& container) const {
  const auto text = os::ReadFileAt({folder_.get()}, container + kEnd);
  if (!text.ok() && text.error().errnum() == ENOENT) return std::optional<Record>();
  if (!text.ok()) return text.error().Clone();
  Record record = TRY_CTX(ParseRecord(*text), "the record of container '" + container + "'");
  return std::optional<Record>(std::move(record));
}

Status Records::Write(const Record& record) const {
  return os::ReplaceFile({folder_.get()}, record.container + kEnd, record.ToJson().Dump(), 0600, /*durable=*/true);
}

Status Records::Delete(const std::string& container) const {
  return os::DeleteFile({folder_.get()}, container + kEnd);
}

Result<std::vector<Record>> Records::List() const {
  std::vector<Record> found;
  const std::vector<std::string> names = TRY(os::ListDirectory({folder_.get()}, "."));
  for (const std::string& name : names) {
    if (!name.ends_with(kEnd)) continue;
    auto record = Read(name.substr(0, name.size() - std::char_traits<char>::length(kEnd)));
    if (!record.ok()) {
      log::Error("read attachments", {{"file", name}, {"error", record.error().Message()}});
    } else if (record->has_value()) {
      found.push_back(std::move(**record));
    }
  }
  return found;
}

}  // namespace estiba::cni
