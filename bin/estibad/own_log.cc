#include "own_log.h"

#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

namespace estiba::estibad {

Status OwnLog::Open(log::Level level) {
  level_ = level;
  const std::string folder = path_.substr(0, path_.rfind('/'));
  TRY(os::EnsureDirectory(folder, 0711));
  os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, path_, O_WRONLY | O_CREAT | O_APPEND, 0640));
  if (!file_.valid()) {
    file_ = std::move(file);
  } else if (::dup3(file.get(), file_.get(), O_CLOEXEC) < 0) {
    // The number stays: monitors are given it as their stderr.
    return Error::Errno(errno, "open '" + path_ + "' again");
  }
  log::Configure(file_.get(), level_);
  return Ok();
}

void OwnLog::SetLevel(log::Level level) {
  level_ = level;
  log::Configure(file_.valid() ? file_.get() : STDERR_FILENO, level_);
}

void OwnLog::Rotate() {
  struct stat info {};
  if (!file_.valid() || ::fstat(file_.get(), &info) != 0 || info.st_size < max_size_) return;
  for (int i = max_files_ - 1; i >= 1; --i) {
    const std::string from = i == 1 ? path_ : path_ + "." + std::to_string(i - 1);
    // Missing ones are fine.
    if (::rename(from.c_str(), (path_ + "." + std::to_string(i)).c_str()) != 0 && errno != ENOENT) return;
  }
  if (max_files_ == 1 && ::truncate(path_.c_str(), 0) != 0) return;
  const Status opened = Open(level_);
  if (!opened.ok()) log::Error("start a new log file", {{"error", opened.error().Message()}});
}

}  // namespace estiba::estibad
