#pragma once
// What a container says, cut into the log's entries and kept in rotated files (monitorapi/log.h).

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log_outlet.h"
#include "monitorapi/log.h"
#include "os/fd.h"

namespace estiba::monitor {

// Told when the log has grown, and when a new file was begun.
class LogListener {
 public:
  virtual ~LogListener() = default;
  virtual void OnLogWritten() = 0;
  virtual void OnLogRotated() = 0;
  // It takes more again (LogWriter::Full).
  virtual void OnLogDrained() {}
};

class LogWriter {
 public:
  // `container_dir` stays the caller's.
  static Result<LogWriter> Open(os::DirFd container_dir, const monitorapi::LogConfig& config);

  // Entries for every whole line in `bytes`; the rest of a line waits for its end (Pending). Kept on a full
  // disk as far as it goes: a container does not stop because its log does.
  void Append(monitorapi::Stream stream, std::string_view bytes);
  // What waits becomes partial entries: the stream has ended.
  void Flush();
  // The begun line of a stream that no entry holds yet.
  std::string_view Pending(monitorapi::Stream stream) const { return lines_[Index(stream)]; }

  // Every entry goes there, too, from now on.
  void SetOutlet(std::unique_ptr<LogOutlet> outlet);
  // The outlet holds all that it may: whoever writes should wait.
  bool Full() const { return outlet_ != nullptr && outlet_->Full(); }
  // Nothing more is written. Waits a little for the outlet's other side.
  void Close();

  void AddListener(LogListener* listener) { listeners_.push_back(listener); }
  void RemoveListener(LogListener* listener) { std::erase(listeners_, listener); }

  os::DirFd dir() const { return dir_; }
  std::uint64_t lost_bytes() const { return lost_; }
  std::uint64_t rotations() const { return rotations_; }

 private:
  LogWriter(os::DirFd dir, const monitorapi::LogConfig& config) : dir_(dir), config_(config) {}
  static std::size_t Index(monitorapi::Stream stream) { return stream == monitorapi::Stream::kErr ? 1 : 0; }
  Status OpenCurrent();
  Status Rotate();
  void Write(const std::string& entries);
  void Add(std::string& entries, std::int64_t time, monitorapi::Stream stream, bool partial, std::string_view text);

  os::DirFd dir_;
  monitorapi::LogConfig config_;
  os::UniqueFd file_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t rotations_ = 0;
  std::array<std::string, 2> lines_;
  std::vector<LogListener*> listeners_;
  std::unique_ptr<LogOutlet> outlet_;
};

}  // namespace estiba::monitor
