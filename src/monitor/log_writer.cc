#include "log_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/file.h"

namespace estiba::monitor {

using monitorapi::kMaxLogText;

Result<LogWriter> LogWriter::Open(os::DirFd container_dir, const monitorapi::LogConfig& config) {
  LogWriter writer(container_dir, config);
  TRY_CTX(writer.OpenCurrent(), "open the container's log");
  return writer;
}

Status LogWriter::OpenCurrent() {
  file_ = TRY(os::OpenAt(dir_, monitorapi::kLogName, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0640));
  struct stat info{};
  if (::fstat(file_.get(), &info) < 0) return Error::Errno(errno, "stat the log");
  size_ = static_cast<std::uint64_t>(info.st_size);
  char last = '\n';
  if (size_ > 0 && ::pread(file_.get(), &last, 1, info.st_size - 1) == 1 && last != '\n') {
    // A monitor was killed within a write: end its torn line, readers skip it.
    TRY(os::WriteAll(file_.get(), "\n"));
    ++size_;
  }
  return Ok();
}

Status LogWriter::Rotate() {
  const auto name = [](std::uint32_t i) {
    return i == 0 ? std::string(monitorapi::kLogName) : monitorapi::kLogName + ("." + std::to_string(i));
  };
  if (config_.max_files <= 1) TRY(os::DeleteFile(dir_, name(0)));
  for (std::uint32_t i = config_.max_files; i-- > 1;)
    if (::renameat(dir_.fd, name(i - 1).c_str(), dir_.fd, name(i).c_str()) < 0 && errno != ENOENT)
      return Error::Errno(errno, "rename '" + name(i - 1) + "' to '" + name(i) + "'");
  TRY(OpenCurrent());
  ++rotations_;
  for (LogListener* listener : std::vector(listeners_)) listener->OnLogRotated();
  return Ok();
}

void LogWriter::SetOutlet(std::unique_ptr<LogOutlet> outlet) {
  outlet_ = std::move(outlet);
  outlet_->SetDrained([this] {
    for (LogListener* listener : std::vector(listeners_)) listener->OnLogDrained();
  });
}

void LogWriter::Close() {
  if (outlet_) outlet_->Finish();
}

void LogWriter::Add(std::string& entries, std::int64_t time, monitorapi::Stream stream, bool partial,
                    std::string_view text) {
  monitorapi::AppendLogEntry(entries, monitorapi::FormatLogTime(time), stream, partial, text);
  if (outlet_) outlet_->Send(stream, time, partial, text);
}

void LogWriter::Append(monitorapi::Stream stream, std::string_view bytes) {
  const std::int64_t time = WallNow().time_since_epoch().count();
  std::string& line = lines_[Index(stream)];
  std::string entries;
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::size_t room = kMaxLogText - line.size();
    const std::size_t take = std::min({newline == std::string_view::npos ? bytes.size() : newline, room});
    const std::string_view text = bytes.substr(0, take);
    const bool ends = newline == take;
    bytes.remove_prefix(take + (ends ? 1 : 0));
    if (!ends && line.size() + take < kMaxLogText) {
      line += text;
      break;
    }
    if (!line.empty()) line += text;
    Add(entries, time, stream, !ends, line.empty() ? text : std::string_view(line));
    line = {};
  }
  if (!entries.empty()) Write(entries);
}

void LogWriter::Flush() {
  const std::int64_t time = WallNow().time_since_epoch().count();
  std::string entries;
  for (const auto stream : {monitorapi::Stream::kOut, monitorapi::Stream::kErr}) {
    std::string& line = lines_[Index(stream)];
    if (!line.empty()) Add(entries, time, stream, /*partial=*/true, line);
    line = {};
  }
  if (!entries.empty()) Write(entries);
}

void LogWriter::Write(const std::string& entries) {
  if (size_ > 0 && config_.max_size > 0 && size_ + entries.size() > config_.max_size) {
    // What cannot be rotated grows on rather than being lost.
    [[maybe_unused]] const bool rotated = Rotate().ok();
  }
  if (os::WriteAll(file_.get(), entries).ok()) {
    size_ += entries.size();
  } else {
    lost_ += entries.size();
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) < 0) size_ = 0;  // readers skip the torn line
  }
  for (LogListener* listener : std::vector(listeners_)) listener->OnLogWritten();
}

}  // namespace estiba::monitor
