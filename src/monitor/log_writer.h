#pragma once
// What a container says, cut into the log's entries and kept in rotated files (monitorapi/log.h).

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "monitorapi/log.h"
#include "os/fd.h"

namespace estiba::monitor {

// Told when the log has grown, and when a new file was begun.
class LogListener {
 public:
  virtual ~LogListener() = default;
  virtual void OnLogWritten() = 0;
  virtual void OnLogRotated() = 0;
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

  os::DirFd dir_;
  monitorapi::LogConfig config_;
  os::UniqueFd file_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t rotations_ = 0;
  std::array<std::string, 2> lines_;
  std::vector<LogListener*> listeners_;
};

}  // namespace estiba::monitor
