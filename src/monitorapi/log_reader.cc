#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitorapi/log.h"

namespace estiba::monitorapi {
namespace {

// Holds the longest entry, so that a block without a newline is damage.
constexpr std::size_t kBlock = 32U << 10;
static_assert(kBlock > kLogPrefix + kMaxLogText + 1);
constexpr int kMaxFiles = 1000;
constexpr std::size_t kMaxBehind = 16;

bool SameFile(int a, int b) {
  struct stat x{};
  struct stat y{};
  return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

Result<std::size_t> ReadAt(int fd, char* to, std::size_t size, std::int64_t offset) {
  ssize_t n = 0;
  do n = ::pread(fd, to, size, offset);
  while (n < 0 && errno == EINTR);
  if (n < 0) return Error::Errno(errno, "read a log");
  return static_cast<std::size_t>(n);
}

// Walks a log file's entries from its end, counting lines: an entry that ends one has the flag F.
class TailScan {
 public:
  explicit TailScan(std::uint64_t lines) : left_(lines) {}

  // Where the wanted lines begin in this file, or nothing: earlier files hold more of them.
  Result<std::optional<std::int64_t>> Scan(int fd, bool newest) {
    struct stat info{};
    if (::fstat(fd, &info) < 0) return Error::Errno(errno, "stat a log");
    end_ = -1;
    std::string block(kBlock, '\0');
    for (std::int64_t high = info.st_size; high > 0;) {
      const std::int64_t low = std::max<std::int64_t>(0, high - static_cast<std::int64_t>(kBlock));
      const std::size_t got = TRY(ReadAt(fd, block.data(), static_cast<std::size_t>(high - low), low));
      for (std::size_t i = got; i > 0; --i) {
        if (block[i - 1] != '\n') continue;
        const std::int64_t place = low + static_cast<std::int64_t>(i) - 1;
        const bool found = TRY(Enough(fd, place + 1, newest));
        if (found) return std::optional<std::int64_t>(end_ + 1);
        if (end_ < 0) last_ = place;
        end_ = place;
      }
      high = low;
    }
    const bool found = TRY(Enough(fd, 0, newest));
    return found ? std::optional<std::int64_t>(end_ + 1) : std::nullopt;
  }

 private:
  // Counts the entry that starts here and whose newline is at end_; true when it is one line more than
  // wanted.
  Result<bool> Enough(int fd, std::int64_t start, bool newest) {
    if (end_ < 0) return false;
    if (!newest || end_ != last_) {  // the very last entry is a line's end, whatever its flag
      char flag = 0;
      TRY(ReadAt(fd, &flag, 1, start + static_cast<std::int64_t>(kLogPrefix) - 2));
      if (flag != 'F') return false;
    }
    return left_-- == 0;
  }

  std::uint64_t left_;
  std::int64_t end_ = -1;   // the newline of the entry being walked over
  std::int64_t last_ = -1;  // the newline that ends the file
};

}  // namespace

LogReader::LogReader(const LogOptions& options, std::deque<os::UniqueFd> files)
    : formatter_(options), files_(std::move(files)) {}

Result<LogReader> LogReader::Open(os::DirFd container_dir, const LogOptions& options) {
  std::deque<os::UniqueFd> files;
  std::string name = kLogName;
  for (int older = 1; older <= kMaxFiles; ++older) {
    auto file = os::OpenAt(container_dir, name, O_RDONLY | O_NOFOLLOW);
    if (!file.ok()) {
      if (file.error().code() == Code::kNotFound && older == 1) {
        // Between the two renames of a rotation, or killed there: older files may still be.
      } else if (file.error().code() == Code::kNotFound) {
        break;
      } else {
        return std::move(file).error();
      }
    } else if (files.empty() || !SameFile(files.front().get(), file->get())) {
      files.push_front(std::move(*file));
    }  // else rotated between the two openings
    name = kLogName + ("." + std::to_string(older));
  }
  LogReader reader(options, std::move(files));
  if (options.tail >= 0) TRY(reader.SkipToTail(static_cast<std::uint64_t>(options.tail)));
  return reader;
}

Status LogReader::SkipToTail(std::uint64_t lines) {
  if (files_.empty()) return Ok();
  TailScan scan(lines);
  for (std::size_t i = files_.size(); i > 0; --i) {
    const auto place = TRY(scan.Scan(files_[i - 1].get(), i == files_.size()));
    if (!place) continue;
    files_.erase(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    offset_ = *place;
    return Ok();
  }
  return Ok();
}

Result<bool> LogReader::Read(std::string& out, std::size_t limit) {
  std::string block(kBlock, '\0');
  while (!files_.empty() && !formatter_.Ended()) {
    const std::size_t got = TRY(ReadAt(files_.front().get(), block.data(), block.size(), offset_));
    const std::string_view bytes(block.data(), got);
    std::size_t used = 0;
    for (std::size_t end = 0; (end = bytes.find('\n', used)) != std::string_view::npos; used = end + 1) {
      if (out.size() >= limit) break;
      LogEntry entry;
      if (ParseLogEntry(bytes.substr(used, end - used), &entry)) formatter_.Append(out, entry);
    }
    if (used == 0 && got == kBlock) used = got;  // damage: no entry is this long
    offset_ += static_cast<std::int64_t>(used);
    if (out.size() >= limit) return true;
    if (used > 0) continue;
    // The end of this file; a torn last line, if any, was never whole.
    if (files_.size() == 1) return false;
    files_.pop_front();
    offset_ = 0;
  }
  return false;
}

bool LogReader::Rotated(os::UniqueFd new_file) {
  if (files_.size() >= kMaxBehind) return false;
  files_.push_back(std::move(new_file));
  return true;
}

}  // namespace estiba::monitorapi
